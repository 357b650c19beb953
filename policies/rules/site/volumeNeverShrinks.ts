import type { SiteRule } from "../../support/site/rule.ts";

/** A volume gets no smaller. */
export const volumeNeverShrinks: SiteRule = {
  name: "volume-never-shrinks",
  audience: "site",
  level: "mandatory",
  reason: "a volume that is made smaller than its file system cuts data off.",
  source: "Red Hat: lvreduce; no public linter has it for programs",
  fix: "write the size that it has, or more.",
  example: { refused: "size: 53687091200 for a volume of 100 GiB", accepted: "size: 161061273600" },
  *check({ type, inputs }, { site: { rootVolume } }) {
    if (type !== "twisterlab:host:LogicalVolume") return;
    const size = inputs.at("size").number() ?? 0;
    const isRoot =
      inputs.at("volumeGroup").text() === rootVolume.volumeGroup &&
      inputs.at("logicalVolume").text() === rootVolume.logicalVolume;
    const least = Math.max(inputs.at("recordedSize").number() ?? 0, isRoot ? rootVolume.recordedSize.bytes : 0);
    if (least === 0) yield { what: "nobody knows what size it has: recordedSize is not set" };
    if (size < least) yield { what: `size ${size} is less than the ${least} bytes that it has` };
  },
};
