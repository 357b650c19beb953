import { eachContainer } from "../../support/pods.ts";
import { parseImage } from "../../support/image.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Every image names its version. */
export const imageTagPinned: AnyRule = {
  name: "image-tag-pinned",
  audience: "any",
  level: "mandatory",
  reason: "what runs tomorrow is then decided by whoever pushes an image, and nothing in a review shows it.",
  source: "kube-linter latest-tag, Trivy KSV-0013, Checkov CKV_K8S_14",
  fix: "write the tag of a version, or a digest.",
  example: { refused: "image: redis:latest", accepted: "image: redis:7-alpine" },
  *check(resource) {
    for (const { field, title, pods } of eachContainer(resource)) {
      const image = field.at("image");
      if (pods.patch && image.isAbsent) continue;
      const { tag, digest } = parseImage(image);
      if (digest !== undefined || (tag !== undefined && tag.toLowerCase() !== "latest")) continue;
      yield {
        what: `${title}: image ${String(image.raw)} ${tag === undefined ? "has no tag" : "is another one tomorrow"}`,
      };
    }
  },
};
