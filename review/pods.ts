import { isMapping } from "../components/settings/draft.ts";
import { type Change, isDeleted, kindOf } from "./plan.ts";
import { listAt, read, type Reading, textAt } from "./values.ts";

/** Where a workload has the template of its pods. */
const TEMPLATES: Readonly<Record<string, string>> = {
  Deployment: "spec.template",
  StatefulSet: "spec.template",
  DaemonSet: "spec.template",
  ReplicaSet: "spec.template",
  Job: "spec.template",
  CronJob: "spec.jobTemplate.spec.template",
  Pod: "",
};

/** Which state of a resource is meant. */
export type When = "old" | "new";

/** The inputs of a resource before or after the plan; undefined when it is not there then. */
export function inputsAt(change: Change, when: When): Readonly<Record<string, unknown>> | undefined {
  return when === "new" && isDeleted(change) ? undefined : change[when]?.inputs;
}

/** The pods of a workload, by their labels; undefined of everything that has none. */
export function podsOf(change: Change, when: When): { namespace: string; labels: Record<string, unknown> } | undefined {
  const inputs = inputsAt(change, when);
  const template = TEMPLATES[kindOf(change) ?? ""];
  if (inputs === undefined || template === undefined) {
    return undefined;
  }
  const labels = read(inputs, `${template}.metadata.labels`);
  return {
    namespace: textAt(inputs, "metadata.namespace") ?? "default",
    labels: labels.is === "value" && isMapping(labels.value) ? labels.value : {},
  };
}

/** A container of a workload. */
export interface Container {
  name: string;
  image: Reading;
  /** Environment variables with a plain value. */
  environment: ReadonlyMap<string, Reading>;
}

/** Its containers, those that run first among them; undefined of what has none, or of a pod that is not shown. */
export function containersOf(change: Change, when: When): Container[] | undefined {
  const inputs = inputsAt(change, when);
  const template = TEMPLATES[kindOf(change)?.replace(/Patch$/, "") ?? ""];
  if (inputs === undefined || template === undefined) {
    return undefined;
  }
  const spec = `${template === "" ? "" : `${template}.`}spec`;
  if (read(inputs, `${spec}.containers`).is === "hidden") {
    return undefined;
  }
  return [...listAt(inputs, `${spec}.initContainers`), ...listAt(inputs, `${spec}.containers`)].map((container) => ({
    name: textAt(container, "name") ?? "",
    image: read(container, "image"),
    environment: new Map(
      listAt(container, "env").map((variable) => [textAt(variable, "name") ?? "", read(variable, "value")]),
    ),
  }));
}
