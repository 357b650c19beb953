import { scriptBundle, sha256 } from "../../../components/host/bundle.ts";
import { verbOf } from "../../support/site/hostItem.ts";
import { isCommand } from "../../support/resource.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** What scripts/main.sh can do to the host. */
const VERBS = [
  "backup-folder make",
  "build-benchmark run",
  "confirm",
  "data-root move",
  "disk-benchmark run",
  "host-file put",
  "hosts-entry put",
  "k3s-image import",
  "log-rotation put",
  "logical-volume grow",
  "mount-options put",
  "observer-account put",
  "reclaim-space run",
  "registry-folder make",
  "volume-group add-disk",
];

/** Whatever runs on the host is a verb of its entry point. */
export const hostCommandIsOurs: SiteRule = {
  name: "host-command-is-ours",
  audience: "site",
  level: "mandatory",
  reason:
    "a text that is run as root from afar is only safe when it validates, verifies and can take itself back, and only the entry point does.",
  source: "our own: one template for what runs on the host",
  fix: "add a verb to components/host/scripts and call that.",
  example: {
    refused: "create: 'echo ... | sudo tee /etc/fstab'",
    accepted: "create: 'sudo -n /usr/local/sbin/twisterlab-edge host-file put --revision 1'",
  },
  *check(resource) {
    if (!isCommand(resource)) return;
    const { inputs } = resource;
    for (const field of ["create", "update"].map((key) => inputs.at(key))) {
      const text = field.text() ?? "";
      if (field.isAbsent && field.path === "update") continue;
      if (!VERBS.includes(verbOf(text) ?? "") && !isInstallation(text))
        yield { what: `${field.path} is not a call of the entry point` };
    }
    const undo = inputs.at("delete").text();
    if (undo !== undefined && !/^sudo -n \/usr\/local\/sbin\/twisterlab-edge [a-z0-9-]+ [a-z0-9-]+$/.test(undo)) {
      yield { what: "delete is not a call of the entry point" };
    }
  },
};

/** The one text that puts the entry point there: with the checksum of the scripts of this checkout. */
function isInstallation(text: string): boolean {
  const run = String.raw`-- ${bundleSha256()} [a-z][a-z0-9-]* \d+`;
  return new RegExp(
    `^if sudo -n bash -c : 2> /dev/null; then exec sudo -n bash -s ${run}; fi; exec sudo -n /usr/local/sbin/twisterlab-edge install ${run}$`,
  ).test(text);
}

let known: string | undefined;

function bundleSha256(): string {
  known ??= sha256(scriptBundle());
  return known;
}
