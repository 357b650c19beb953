import { daemonJson } from "../../support/site/hostItem.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Drivers whose files grow for ever without options. */
const UNBOUNDED = ["json-file"];

/** Docker keeps its containers, bounds their logs and is open to nobody. */
export const dockerDaemonSafe: SiteRule = {
  name: "docker-daemon-safe",
  audience: "site",
  level: "mandatory",
  reason: "containers go down with the daemon, their logs fill the disk, or the daemon is open to others.",
  source: "CIS Docker 2.4, 2.6, 2.7, 2.13, 2.15",
  fix: "write `live-restore: true` and `log-opts` with max-size and max-file, and leave out hosts over TCP, `iptables: false` and aufs.",
  example: { refused: "live-restore: false", accepted: "live-restore: true, log-opts: { max-size: 10m, max-file: 3 }" },
  *check(resource) {
    const daemon = daemonJson(resource);
    if (daemon === undefined) return;
    if (daemon.at("live-restore").flag() !== true) yield { what: "daemon.json has no live-restore" };
    if (UNBOUNDED.includes(daemon.at("log-driver").text() ?? "json-file")) {
      for (const option of ["max-size", "max-file"].map((key) => daemon.at("log-opts", key))) {
        if ((option.text() ?? "") === "") yield { what: `daemon.json has no ${option.path}` };
      }
    }
    for (const key of ["iptables", "ip6tables"]) {
      if (daemon.at(key).flag() === false) yield { what: `daemon.json has ${key}: false` };
    }
    if (daemon.at("storage-driver").text() === "aufs") yield { what: "daemon.json has the storage driver aufs" };
    if (daemon.at("tlsverify").flag() === true) return;
    for (const host of daemon.at("hosts").list()) {
      if ((host.text() ?? "").startsWith("tcp:"))
        yield { what: `${host.path} is ${host.text() ?? ""} without tlsverify` };
    }
  },
};
