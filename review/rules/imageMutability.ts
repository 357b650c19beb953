import { parseImage } from "../image.ts";
import { fieldOf, finding, undecided, type Rule } from "../rule.ts";
import { pairs } from "./versionPath.ts";

/** Registries that anybody can push to, under names of their own. */
const PUBLIC = new Set([
  "docker.io",
  "ghcr.io",
  "quay.io",
  "gcr.io",
  "public.ecr.aws",
  "registry.k8s.io",
  "mcr.microsoft.com",
]);

export const imageMutability: Rule = {
  name: "image-mutability",
  refuses:
    "an image whose digest goes, whose tag becomes `latest` or none, that comes from a public registry instead of ours",
  reason: "what runs after the next restart is then whatever that name means on that day",
  source: "Kubernetes: images; Checkov CKV_K8S_14 and 43, for the state alone; research C23",
  example: {
    refused: "redis:7.2@sha256:... becomes redis:latest",
    accepted: "redis:7.2@sha256:... becomes redis:7.4@sha256:...",
  },
  check: ({ changes }) =>
    changes.flatMap((change) =>
      pairs(change).flatMap(({ name, old, new: next }) => {
        const path = `image of ${name}`;
        if (change.ops.has("same")) {
          return [];
        }
        if (old.is !== "value" || next.is !== "value") {
          return [undecided(change, path, "the image is as fixed as before")];
        }
        const [before, after] = [parseImage(String(old.value)), parseImage(String(next.value))];
        const found = (why: string, wayOut: string) => [
          finding(change, { ...fieldOf(path, { old, new: next }), why, wayOut }),
        ];
        const floats = ({ tag, digest }: typeof before): boolean =>
          digest === undefined && (tag === undefined || tag === "latest");
        return [
          ...(before.digest !== undefined && after.digest === undefined
            ? found("its digest goes: the tag may be another image tomorrow", "write the digest of the new image")
            : []),
          ...(floats(after) && !floats(before)
            ? found("it names no version any more", "write the tag that is to run")
            : []),
          ...(before.digest !== undefined &&
          after.digest !== undefined &&
          before.digest !== after.digest &&
          before.tag === after.tag &&
          before.path === after.path
            ? found(
                "the same tag, and another image",
                "give the new image a tag of its own; or approve it, if the tag was moved on purpose",
              )
            : []),
          ...(!PUBLIC.has(before.registry) && PUBLIC.has(after.registry)
            ? found("it comes from a public registry and not from ours", "push it to ours, scanned and versioned")
            : []),
        ];
      }),
    ),
};
