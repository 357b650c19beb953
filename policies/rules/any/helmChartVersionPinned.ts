import { isKind } from "../../support/resource.ts";
import { shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";
import type { Field } from "../../support/field.ts";
/** A chart has a fixed version. */
export const helmChartVersionPinned: AnyRule = {
  name: "helm-chart-version-pinned",
  audience: "any",
  level: "mandatory",
  reason: "without it the newest chart is installed whenever the controller looks.",
  source: "our own; as image-tag-pinned",
  fix: "write the whole version, `1.2.3`, or give the archive itself by `chartContent`.",
  example: { refused: "spec: { chart: harbor }", accepted: "spec: { chart: harbor, version: 1.17.1 }" },
  *check(resource) {
    if (!isKind(resource, "HelmChart")) return;
    const { inputs } = resource;
    const [version, content, chart] = ["version", "chartContent", "chart"].map((key) => inputs.at("spec", key)) as [
      Field,
      Field,
      Field,
    ];
    // An archive is its own version; that of a chart by URL is in its name.
    if (!content.isAbsent || /-v?\d+\.\d+\.\d+[^/]*\.tgz$/.test(chart.text() ?? "")) return;
    if (!/^v?\d+\.\d+\.\d+([-+][\w.+-]+)?$/.test(version.text() ?? "")) yield { what: shown(version) };
  },
};
