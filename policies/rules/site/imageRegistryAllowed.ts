import { eachContainer } from "../../support/pods.ts";
import { parseImage } from "../../support/image.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Images come from the registries that the site file names. */
export const imageRegistryAllowed: SiteRule = {
  name: "image-registry-allowed",
  audience: "site",
  level: "mandatory",
  reason: "an image from anywhere runs anybody's program beside the databases.",
  source: "Kyverno restrict-image-registries, Trivy KSV-0034 and KSV-0125",
  fix: "take it from a registry under `policies.allowedRegistries`, or add that one to the list.",
  example: { refused: "image: evil.example/redis:7", accepted: "image: harbor.twisterlab.local/library/redis:7" },
  *check(resource, { site }) {
    const own = site.phase1.registry === undefined ? [] : [site.phase1.registry.host];
    const allowed = [...site.policies.allowedRegistries, ...own];
    for (const { field, title, pods } of eachContainer(resource)) {
      const image = field.at("image");
      // What is never pulled comes from no registry: K3s was given it.
      if (field.at("imagePullPolicy").text() === "Never" || (pods.patch && image.isAbsent)) continue;
      const { name } = parseImage(image);
      if (allowed.some((each) => name.startsWith(`${each}/`))) continue;
      yield { what: `${title}: image ${name} is from none of ${allowed.join(", ")}` };
    }
  },
};
