import { type Change, called, isDeleted, kindOf } from "../plan.ts";
import { finding, type Rule } from "../rule.ts";
import { textAt } from "../values.ts";

/** What tells a resource of the host from others of its type. */
const IDENTITY: Readonly<Record<string, string>> = {
  "twisterlab:host:HostFile": "path",
  "twisterlab:host:DataRoot": "path",
  "twisterlab:host:LogicalVolume": "logicalVolume",
};

export const renameWithoutAlias: Rule = {
  name: "rename-without-alias",
  refuses: "deleting something and making the same again under another name in the program",
  reason: "the new one is made first, on top of the old one; then the old one is deleted, and with it what is there",
  source: "Pulumi: aliases; the URN is the identity; research C32",
  example: {
    refused: "new PersistentVolumeClaim('data') becomes new PersistentVolumeClaim('postgres-data')",
    accepted: "the same with aliases: [{ name: 'data' }]",
  },
  check: ({ changes }) =>
    changes.flatMap((gone) => {
      const identity = isDeleted(gone) ? identityOf(gone, gone.old?.inputs) : undefined;
      const made =
        identity === undefined
          ? undefined
          : changes.find((other) => other.ops.has("create") && identityOf(other, other.new?.inputs) === identity);
      return made === undefined
        ? []
        : [
            finding(gone, {
              field: "name in the program",
              old: gone.name,
              new: made.name,
              why: `${called(gone)} is made again as ${made.urn.split("::").at(-1) ?? ""}, and deleted after that`,
              wayOut: `give the new one the old URN: aliases: ["${gone.urn}"]`,
            }),
          ];
    }),
};

/** What a resource is outside the program; undefined where nothing tells. */
function identityOf(change: Change, inputs: unknown): string | undefined {
  const kind = kindOf(change);
  if (kind !== undefined) {
    const name = textAt(inputs, "metadata.name");
    return name === undefined ? undefined : `${change.type} ${textAt(inputs, "metadata.namespace") ?? ""}/${name}`;
  }
  const what = textAt(inputs, IDENTITY[change.type] ?? "");
  return what === undefined ? undefined : `${change.type} ${what}`;
}
