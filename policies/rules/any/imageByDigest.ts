import { eachContainer } from "../../support/pods.ts";
import { parseImage } from "../../support/image.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Images are named by what is in them. */
export const imageByDigest: AnyRule = {
  name: "image-by-digest",
  audience: "any",
  level: "advisory",
  reason: "a tag can be moved to another image; a digest cannot.",
  source: "Checkov CKV_K8S_43, Kyverno require-image-checksum",
  fix: "add the digest that `docker buildx imagetools inspect` prints: `redis:7-alpine@sha256:...`.",
  example: { refused: "image: postgres:16-alpine", accepted: "image: postgres:16-alpine@sha256:..." },
  *check(resource) {
    for (const { field, title, pods } of eachContainer(resource)) {
      const image = field.at("image");
      if (pods.patch && image.isAbsent) continue;
      if (parseImage(image).digest === undefined) yield { what: `${title}: image ${String(image.raw)} has no digest` };
    }
  },
};
