import { setTimeout as pause } from "node:timers/promises";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { sha256 } from "../host/bundle.ts";
import { HarborApi, type HarborAccess } from "./harborApi.ts";
import { configureHarbor, planHarbor, readHarbor, type WantedHarbor } from "./harborPlan.ts";
import { MANAGED_BY } from "./labels.ts";
import { STARTUP } from "./registryIdentity.ts";

/** How Harbor is reached and what it is told; secrets and all. */
export interface HarborTarget {
  access: HarborAccess;
  wanted: WantedHarbor;
}

/** What a look at Harbor found: what is to be changed, a line each, or why it could not be asked. */
export type HarborLook = { readonly changes: readonly string[] } | { readonly blind: string };

export interface HarborConfigurationArgs {
  /** Namespace of Harbor. */
  namespace: string;
  /** Undefined as long as a secret is missing. */
  target: HarborTarget | undefined;
  /** Another number whenever Harbor differs from what is wanted: it is configured again then. */
  revision: number;
}

/**
 * What Harbor is told through its API: projects and who may do what in them, robot accounts, retention, garbage collection, a
 * copy in another registry. It is written down in a ConfigMap, without its secrets, once Harbor has taken all of it: an `up`
 * that fails before is done again by the next. Removing the resource changes nothing in Harbor.
 */
export class HarborConfiguration extends pulumi.ComponentResource {
  constructor(name: string, args: HarborConfigurationArgs, opts?: pulumi.ComponentResourceOptions) {
    const { namespace, target, revision } = args;
    super("twisterlab:cluster:HarborConfiguration", name, { namespace, revision }, opts);
    const hook = new pulumi.ResourceHook(`${name}-apply`, async () => {
      if (target === undefined) {
        throw new Error("Harbor was not configured: a secret is missing");
      }
      const api = new HarborApi(target.access);
      await awaitHarbor(api, STARTUP);
      const done = await configureHarbor(api, target.wanted);
      void pulumi.log.info(done.length === 0 ? "Harbor was as wanted." : `Harbor: ${done.join("; ")}.`, this);
    });
    new kubernetes.core.v1.ConfigMap(
      name,
      {
        metadata: { name: "harbor-configuration", namespace, labels: MANAGED_BY },
        data: {
          // A secret shows itself as `[secret]`.
          "configuration.json": target === undefined ? "" : `${JSON.stringify(target.wanted, null, 2)}\n`,
          digest: target === undefined ? "" : digestOf(target.wanted),
          revision: String(revision),
        },
      },
      { parent: this, hooks: { beforeCreate: [hook], beforeUpdate: [hook] } },
    );
    this.registerOutputs({});
  }
}

/** Compares Harbor with what is wanted of it. Changes nothing, and never throws: not to see is a result. */
export async function lookAtHarbor({ access, wanted }: HarborTarget): Promise<HarborLook> {
  try {
    const steps = planHarbor(wanted, await readHarbor(new HarborApi(access), wanted));
    return { changes: steps.map(({ what }) => what) };
  } catch (error) {
    return { blind: (error as Error).message };
  }
}

/** The number that a change of the configuration is told by, see `HarborConfigurationArgs.revision`. */
export function configurationRevision(last: unknown, look: HarborLook): number {
  if (typeof last !== "number") {
    return 1;
  }
  return "changes" in look && look.changes.length > 0 ? last + 1 : last;
}

/** Seconds between two looks. */
const INTERVAL = 5;

/**
 * Waits until all parts of Harbor are well.
 * @param limit seconds.
 * @throws Error that says which are not, or what else is in the way.
 */
export async function awaitHarbor(api: HarborApi, limit: number): Promise<void> {
  const end = Date.now() + limit * 1000;
  for (;;) {
    let trouble: string;
    try {
      const health = await api.send<Health>({ method: "GET", path: "/health" });
      if (health?.status === "healthy") {
        return;
      }
      const ill = (health?.components ?? []).filter(({ status }) => status !== "healthy");
      trouble = `not healthy: ${ill.map(({ name, error = "" }) => [name, error].filter(Boolean).join(" ")).join(", ")}`;
    } catch (error) {
      trouble = (error as Error).message;
    }
    if (Date.now() > end) {
      throw new Error(`Harbor is not up after ${limit} s (kubectl get pods shows its parts): ${trouble}`);
    }
    await pause(INTERVAL * 1000);
  }
}

interface Health {
  status?: string;
  components?: { name: string; status: string; error?: string }[];
}

/** Another text for other passwords, which it does not tell: they are generated, and long. */
function digestOf({ robots, replication }: WantedHarbor): string {
  const passwords = robots.map(({ name, password }) => [name, password.reveal()]);
  return sha256(JSON.stringify([passwords, replication?.passwordMark ?? ""])).slice(0, 32);
}
