import { isKind, kindOf } from "../../support/resource.ts";
import type { AnyRule } from "../../support/rule.ts";

/** What holds data, or takes it along when it goes: deleting a HelmChart uninstalls the release. */
const KINDS = [
  "PersistentVolumeClaim",
  "PersistentVolume",
  "StatefulSet",
  "Namespace",
  "StorageClass",
  "CustomResourceDefinition",
  "HelmChart",
];

/** What holds data is protected. */
export const dataIsProtected: AnyRule = {
  name: "data-is-protected",
  audience: "any",
  level: "mandatory",
  reason: "removing it from the program, or renaming it, would delete data that cannot be made again.",
  source: "Terraform prevent_destroy; our own list of kinds",
  fix: "write `protect: true` in its options.",
  example: {
    refused: "new PersistentVolumeClaim(name, args)",
    accepted: "new PersistentVolumeClaim(name, args, { protect: true })",
  },
  *check(resource) {
    if (!isKind(resource, ...KINDS) || kindOf(resource)?.patch === true || resource.protect) return;
    yield { what: "it is not protected" };
  },
};
