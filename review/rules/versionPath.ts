import { compareVersions, parseImage, type Version, versionOf } from "../image.ts";
import { bothAt, type Change, isAltered, kindOf } from "../plan.ts";
import { containersOf } from "../pods.ts";
import { fieldOf, finding, undecided, type Finding, type Rule } from "../rule.ts";
import type { Reading } from "../values.ts";

/** Databases whose data directory belongs to one major version. */
const BOUND_TO_MAJOR = /(^|\/)(postgres|postgresql|spilo|mysql|mariadb|mongo)(-|$)/;

export const versionPath: Rule = {
  name: "version-path",
  refuses: "an older version, a skipped one, another major version of a database",
  reason:
    "data is carried over from one version to the next, and seldom back or over two: the old one cannot read it any more",
  source: "PostgreSQL's and Kubernetes' version skew policies; K3s upgrades minor by minor; research C22",
  example: {
    refused: "postgres:16 becomes postgres:17 on the same volume",
    accepted: "postgres:16.3 becomes postgres:16.4",
  },
  check: ({ changes }) => changes.flatMap((change) => [...images(change), ...charts(change), ...k3s(change)]),
};

function images(change: Change): Finding[] {
  return pairs(change).flatMap(({ name, old, new: next }) => {
    const field = fieldOf(`image of ${name}`, { old, new: next });
    if (old.is !== "value" || next.is !== "value") {
      return change.ops.has("same")
        ? []
        : [undecided(change, `image of ${name}`, "it is the version of before or a newer one")];
    }
    const [before, after] = [parseImage(String(old.value)), parseImage(String(next.value))];
    if (before.path.split("/").at(-1) !== after.path.split("/").at(-1)) {
      return [];
    }
    const [was, will] = [versionOf(before.tag), versionOf(after.tag)];
    if (was === undefined || will === undefined) {
      return [];
    }
    return judged(change, field, was, will, BOUND_TO_MAJOR.test(before.path) ? 0 : 1);
  });
}

/** The containers of before that are still there, by their names. */
export function pairs(change: Change): { name: string; old: Reading; new: Reading }[] {
  const [before, after] = [containersOf(change, "old"), containersOf(change, "new")];
  return (before ?? []).flatMap(({ name, image }) => {
    const next = after?.find((container) => container.name === name);
    return next === undefined ? [] : [{ name, old: image, new: next.image }];
  });
}

function charts(change: Change): Finding[] {
  const path = kindOf(change) === "HelmChart" ? "spec.version" : "version";
  const isChart = kindOf(change) === "HelmChart" || /^kubernetes:helm\.sh\/v[34]:(Release|Chart)$/.test(change.type);
  if (!isChart || !isAltered(change)) {
    return [];
  }
  const both = bothAt(change, path);
  const [was, will] = [numbersOf(both.old), numbersOf(both.new)];
  return was === undefined || will === undefined
    ? [undecided(change, path, "the chart is of the version of before or a newer one")]
    : judged(change, fieldOf(path, both), was, will, 1);
}

/** The version of K3s, where a component has it. */
function k3s(change: Change): Finding[] {
  const path = "podSecurityVersion";
  if (change.type !== "twisterlab:cluster:RegistryNamespace" || !isAltered(change)) {
    return [];
  }
  const both = bothAt(change, path);
  const [was, will] = [numbersOf(both.old), numbersOf(both.new)];
  if (was === undefined || will === undefined) {
    return [undecided(change, path, "K3s goes from one minor version to the next")];
  }
  const skipped = was[0] === will[0] && (will[1] ?? 0) - (was[1] ?? 0) > 1;
  return skipped
    ? [
        finding(change, {
          ...fieldOf(path, both),
          why: "K3s is to skip a minor version",
          wayOut: "one minor version after the other, each applied and looked at",
        }),
      ]
    : judged(change, fieldOf(path, both), was, will, 1);
}

function numbersOf(reading: Reading): Version | undefined {
  return reading.is === "value" ? versionOf(String(reading.value)) : undefined;
}

/** @param majors how many major versions it may go up at once. */
function judged(
  change: Change,
  field: ReturnType<typeof fieldOf>,
  was: Version,
  will: Version,
  majors: number,
): Finding[] {
  if (compareVersions(will, was) < 0) {
    const why = "an older version: it may not read what the newer one has written";
    return [finding(change, { ...field, why, wayOut: "go back by a restore of a backup from then" })];
  }
  const up = will[0] - was[0];
  if (up <= majors) {
    return [];
  }
  return majors === 0
    ? [
        finding(change, {
          ...field,
          why: "another major version of a database: it does not start on the data that is there",
          wayOut: "a new server beside the old one, a dump restored into it, then the switch",
        }),
      ]
    : [finding(change, { ...field, why: "major versions are skipped", wayOut: "one major version after the other" })];
}
