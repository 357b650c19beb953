import type { SiteRule } from "../../support/site/rule.ts";

/** A file of the host is declared once. */
export const hostFileHasOneOwner: SiteRule = {
  name: "host-file-has-one-owner",
  audience: "site",
  level: "mandatory",
  reason: "each of them undoes the other at every run, and the undo of the first brings back neither.",
  source: "our own",
  fix: "declare the file once.",
  example: { refused: "two HostFiles of /etc/docker/daemon.json", accepted: "one HostFile a path" },
  *checkStack(stack) {
    const owners = new Map<string, string>();
    for (const at of stack.filter(({ type }) => type === "twisterlab:host:HostFile")) {
      const path = at.inputs.at("path").text() ?? "";
      const first = owners.get(path);
      if (first !== undefined) yield { at, what: `${path} is the file of ${first} already` };
      else owners.set(path, at.name);
    }
  },
};
