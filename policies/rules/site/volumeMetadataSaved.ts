import { parametersOf, verbOf } from "../../support/site/hostItem.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** LVM's metadata is saved in the same plan that grows a volume. */
export const volumeMetadataSaved: SiteRule = {
  name: "volume-metadata-saved",
  audience: "site",
  level: "mandatory",
  reason:
    "without a copy of the group's metadata, outside of the group and from just before, a growth that went wrong cannot be looked into.",
  source: "vgcfgbackup(8); no public linter has it",
  fix: "hand `metadataBackup` to the command that grows it, with a folder on another disk.",
  example: {
    refused: "a LogicalVolume whose command has no metadata_backup",
    accepted: "stdin with metadata_backup: /twisterlab/data-warehouse/twisterlab-edge/lvm",
  },
  *checkStack(stack) {
    for (const at of stack.filter(({ type }) => type === "twisterlab:host:LogicalVolume")) {
      const folder = at.inputs.at("metadataBackup").text();
      const commands = stack.filter(({ parent, type }) => parent === at.urn && type === "command:remote:Command");
      const grows = commands.filter(({ inputs }) => verbOf(inputs.at("create").text() ?? "") === "logical-volume grow");
      if (grows.length === 0) yield { at, what: "no command of its own grows it" };
      for (const command of commands) {
        const parameters = parametersOf(command);
        if (parameters === undefined) yield { at: command, what: "its parameters are not known yet", pending: true };
        else if (folder === undefined || parameters["metadata_backup"] !== folder) {
          yield { at: command, what: "it does not save the group's metadata to `metadataBackup` first" };
        }
      }
    }
  },
};
