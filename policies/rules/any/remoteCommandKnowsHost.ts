import { isRemote } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** A command only runs on a host that proves who it is. */
export const remoteCommandKnowsHost: AnyRule = {
  name: "remote-command-knows-host",
  audience: "any",
  level: "mandatory",
  reason: "without the host's key the connection goes to whoever answers, password and content with it.",
  source: "pulumi-command: connection.hostKey; no public linter has it",
  fix: "write `hostKey`, the line of /etc/ssh/ssh_host_ed25519_key.pub, also for a `proxy`.",
  example: {
    refused: "connection: { host, user, privateKey }",
    accepted: "connection: { host, user, privateKey, hostKey }",
  },
  *check(resource) {
    if (!isRemote(resource)) return;
    const connection = resource.inputs.at("connection");
    const hops =
      connection.isUnknown || connection.at("proxy").isAbsent ? [connection] : [connection, connection.at("proxy")];
    for (const hop of hops) {
      const key = hop.isUnknown ? hop : hop.at("hostKey");
      if (key.isUnknown) yield { what: `${key.path} is not known yet`, pending: true };
      else if ((key.text() ?? "").trim() === "") yield { what: `${key.path} is not set` };
    }
  },
};
