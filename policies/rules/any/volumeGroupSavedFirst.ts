import { commandTexts, isCommand, waitsFor, type Resource } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** LVM's metadata is saved before it is changed. */
export const volumeGroupSavedFirst: AnyRule = {
  name: "volume-group-saved-first",
  audience: "any",
  level: "mandatory",
  reason: "without a copy of the group's metadata from just before, a change that went wrong cannot be taken back.",
  source: "vgcfgbackup(8); no public linter has it",
  fix: "run `vgcfgbackup --file` to another disk before it, in the same text or in a command that it depends on.",
  example: {
    refused: "create: 'lvextend -L 150G /dev/vg/root'",
    accepted: "create: 'vgcfgbackup --file /backup/vg vg && lvextend -L 150G /dev/vg/root'",
  },
  *checkStack(stack) {
    for (const at of stack.filter(isCommand)) {
      for (const field of commandTexts(at)) {
        if (field.isUnknown) {
          yield { at, what: `${field.path} is not known yet`, pending: true };
          continue;
        }
        const text = field.text() ?? "";
        const change = text.search(/\b(lvextend|lvresize|lvconvert|lvcreate|vgextend|pvresize|pvmove)\b/);
        if (change === -1 || saves(text.slice(0, change))) continue;
        const before = waitsFor(at, stack);
        if (stack.some((other) => before.has(other.urn) && isCommand(other) && savesOnCreate(other))) continue;
        yield { at, what: `${field.path} changes a volume group, and nothing saves its metadata first` };
      }
    }
  },
};

function saves(text: string): boolean {
  return /\bvgcfgbackup\b.*\s(-f|--file)[= ]*\S/.test(text);
}

function savesOnCreate({ inputs }: Resource): boolean {
  return ["create", "update"].some((key) => !inputs.at(key).isUnknown && saves(inputs.at(key).text() ?? ""));
}
