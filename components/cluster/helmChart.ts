import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { stringify } from "yaml";
import { sha256 } from "../host/bundle.ts";
import { awaitHelmJob } from "./helmJob.ts";
import { MANAGED_BY } from "./labels.ts";

/** Values of a chart: whatever YAML can say. */
export interface ChartValues {
  readonly [key: string]: ChartValue;
}
export type ChartValue = string | number | boolean | readonly ChartValue[] | ChartValues;

/** A Secret with values that nobody is to see. */
export interface ValuesSecret {
  /** Its name, in the chart's namespace. */
  name: string;
  /** Keys in it, each a text of YAML. */
  keys: readonly string[];
  /** Another one for every other content: the chart is installed again when it changes. */
  digest: string;
}

/** A chart, as `helm template` needs it too. */
export interface Chart {
  /** Name of the release, and of the HelmChart. */
  name: string;
  /** Namespace of the HelmChart, its job, its release and its Secrets. It must be there. */
  namespace: string;
  /** Name of the chart. */
  chart: string;
  /** URL of its repository. */
  repository: string;
  /** Whole version, `1.2.3`. */
  version: string;
  /** Values without a secret among them. */
  values: ChartValues;
}

export interface HelmChartArgs extends Chart {
  /** What goes over them. */
  secrets?: readonly ValuesSecret[];
  /** Seconds that Helm may take, images and all. */
  timeout: number;
  /** Kubeconfig by which the job is waited for. */
  kubeconfigFile: string;
}

/**
 * A try after the first: a repository that does not answer once is no reason to fail. What Helm itself could not do is not tried
 * again, see `failurePolicy`. Our choice.
 */
const MORE_TRIES = 1;

/** Seconds beside Helm's own, until the controller has seen the chart and the node has the job's image. */
const AROUND = 300;

/**
 * A chart that K3s' own Helm controller installs: it needs no chart to be previewed. Protected, because deleting a HelmChart
 * uninstalls the release; and one that cannot be upgraded stays as it is (`reinstall`, the default, would uninstall it).
 *
 * `up` ends when its job has, and fails with that job's log. What has been installed is kept as a ConfigMap, which is only
 * written then: the next `up` waits for one that has failed, and does not take it for done.
 */
export class HelmChart extends pulumi.ComponentResource {
  /** The last of its objects: it is there when the chart is installed. */
  readonly installed: pulumi.Resource;

  constructor(name: string, args: HelmChartArgs, opts?: pulumi.ComponentResourceOptions) {
    const { kubeconfigFile, ...rest } = args;
    super("twisterlab:cluster:HelmChart", name, rest, opts);
    const { secrets = [], version, namespace } = args;
    const metadata = { name: args.name, namespace, labels: MANAGED_BY };
    const values = renderValues(args.values, secrets);
    const chart = new kubernetes.apiextensions.CustomResource(
      `${name}-chart`,
      {
        apiVersion: "helm.cattle.io/v1",
        kind: "HelmChart",
        metadata,
        spec: {
          chart: args.chart,
          repo: args.repository,
          version,
          targetNamespace: namespace,
          createNamespace: false,
          valuesContent: values,
          valuesSecrets: secrets.map(({ name: secret, keys }) => ({ name: secret, keys: [...keys] })),
          failurePolicy: "abort",
          backOffLimit: MORE_TRIES,
          timeout: `${args.timeout}s`,
        },
      },
      // Written out for a destroy, which leaves what is protected and what that depends on: its parent's are not in the state.
      { parent: this, protect: true, ...(opts?.dependsOn === undefined ? {} : { dependsOn: opts.dependsOn }) },
    );
    const hook = new pulumi.ResourceHook(`${name}-job`, async () => {
      const wanted = { name: args.name, namespace, version, values };
      await awaitHelmJob(kubeconfigFile, wanted, args.timeout * (MORE_TRIES + 1) + AROUND);
    });
    // Before, because an error after it would be a warning, and it would count as installed.
    this.installed = new kubernetes.core.v1.ConfigMap(
      `${name}-installed`,
      {
        metadata: { ...metadata, name: `${args.name}-installed` },
        data: { chart: `${args.repository}/${args.chart}`, version, values: sha256(values) },
      },
      { parent: this, dependsOn: chart, hooks: { beforeCreate: [hook], beforeUpdate: [hook] } },
    );
    this.registerOutputs({});
  }
}

/** The text of the values, which is another one when a Secret beside them is. */
export function renderValues(values: ChartValues, secrets: readonly ValuesSecret[]): string {
  const digests = secrets.map(({ name, digest }) => `# ${name} is ${digest}\n`);
  // Written out: whoever reads a preview should not have to look for what an anchor stands for.
  return `${digests.join("")}${stringify(values, { aliasDuplicateObjects: false })}`;
}
