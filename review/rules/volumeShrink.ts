import { bothAt, isAltered, kindOf } from "../plan.ts";
import { bytes } from "../quantity.ts";
import { fieldOf, finding, undecided, worsened, type Rule } from "../rule.ts";

export const volumeShrink: Rule = {
  name: "volume-shrink",
  refuses: "a smaller logical volume, or a smaller claim",
  reason: "ext4 cannot shrink while mounted and XFS never can: what is above the new end is cut off",
  source: "lvreduce(8), resize2fs(8), xfs_growfs(8); research C06",
  example: { refused: "phase1.storage.size goes from 200 GiB to 150 GiB", accepted: "it goes from 150 GiB to 200 GiB" },
  check: ({ changes }) =>
    changes.flatMap((change) => {
      if (change.type === "twisterlab:host:LogicalVolume") {
        const wayOut = "write down at least the size that the volume has";
        return worsened(change, [{ path: "size", worse: "the volume is to shrink", wayOut }]);
      }
      const path = "spec.resources.requests.storage";
      if (kindOf(change) !== "PersistentVolumeClaim" || !isAltered(change)) {
        return [];
      }
      const both = bothAt(change, path);
      if (both.old.is === "absent") {
        return [];
      }
      const [before, after] = [bytes(both.old), bytes(both.new)];
      if (before === undefined || after === undefined) {
        return [undecided(change, path, "the claim shrinks")];
      }
      const why = "the claim is to shrink, which no volume can";
      return after < before
        ? [
            finding(change, {
              ...fieldOf(path, both),
              why,
              wayOut: "leave the size; move to a smaller claim by a restore",
            }),
          ]
        : [];
    }),
};
