import { verbOf } from "../../support/site/hostItem.ts";
import { isCommand } from "../../support/resource.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Verbs that can be taken back, and how. The others say in the preview that they cannot. */
const UNDO: Readonly<Record<string, string>> = {
  "build-benchmark run": "build-benchmark forget",
  "data-root move": "data-root undo",
  "host-file put": "host-file undo",
  "k3s-image import": "k3s-image undo",
  "log-rotation put": "log-rotation undo",
  "mount-options put": "mount-options undo",
  "observer-account put": "observer-account undo",
};

/** What can be taken back is taken back. */
export const rollbackPresent: SiteRule = {
  name: "rollback-present",
  audience: "site",
  level: "mandatory",
  reason: "when the item is taken out of the program, the host would keep what it made, and nobody would know.",
  source: "our own; Ansible has no way back either",
  fix: "give `delete` with the verb that takes it back.",
  example: {
    refused: "create: '... host-file put', no delete",
    accepted: "create: '... host-file put', delete: '... host-file undo'",
  },
  *check(resource) {
    if (!isCommand(resource)) return;
    const undo = UNDO[verbOf(resource.inputs.at("create").text() ?? "") ?? ""];
    if (undo === undefined) return;
    const text = resource.inputs.at("delete").text();
    if (text !== `sudo -n /usr/local/sbin/twisterlab-edge ${undo}`) yield { what: `delete does not call \`${undo}\`` };
  },
};
