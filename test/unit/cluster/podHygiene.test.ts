import { expect, test } from "vitest";
import { PodHygiene, type PodHygieneArgs } from "../../../components/cluster/podHygiene.ts";
import { record, valueOf, type RecordedResource } from "../../support/mocks.ts";

const ARGS: PodHygieneArgs = {
  namespace: "twisterlab",
  namespaces: ["twisterlab", "monitoring"],
  schedule: "30 * * * *",
  image: "python:3.13-alpine",
  minimumAge: 86_400,
  historyLimit: 3,
  leftovers: ["twisterlab/builder"],
  claim: "backups-twisterlab",
  apiServer: { address: "192.168.0.30", port: 6443 },
};

async function declared(changed: Partial<PodHygieneArgs> = {}): Promise<(name: string) => RecordedResource> {
  const { resources } = await record({}, () => new PodHygiene("pod-hygiene", { ...ARGS, ...changed }));
  return (name) => {
    const found = resources.find((each) => each.name === name && each.type.startsWith("kubernetes:"));
    if (found === undefined) {
      throw new Error(`there is no ${name}`);
    }
    return found;
  };
}

interface PodSpec {
  serviceAccountName: string;
  securityContext: object;
  containers: [{ env: { name: string; value: string }[]; volumeMounts: object[]; command: string[] }];
  volumes: object[];
}

function podSpec({ inputs }: RecordedResource): PodSpec {
  return (inputs["spec"] as { jobTemplate: { spec: { template: { spec: PodSpec } } } }).jobTemplate.spec.template.spec;
}

function environment(cronJob: RecordedResource): Record<string, string> {
  return Object.fromEntries(podSpec(cronJob).containers[0].env.map(({ name, value }) => [name, value]));
}

test("the script is told everything, and its own text is what runs", async () => {
  const resource = await declared();
  const cronJob = resource("pod-hygiene");
  expect(cronJob.inputs).toMatchObject({
    metadata: { name: "pod-hygiene", namespace: "twisterlab" },
    spec: { schedule: "30 * * * *", concurrencyPolicy: "Forbid" },
  });
  expect(environment(cronJob)).toEqual({
    NAMESPACES: "twisterlab,monitoring",
    MINIMUM_AGE: "86400",
    HISTORY_LIMIT: "3",
    LEFTOVERS: "twisterlab/builder",
    EVIDENCE: "/evidence",
    EVIDENCE_RETENTION: "7776000",
    EVIDENCE_LIMIT: "536870912",
  });
  const { data } = resource("pod-hygiene-script").inputs as { data: Record<string, string> };
  // Each of its settings stands in the text that explains them, and no other.
  const [, explained = ""] = /Environment:\n([^"]*)"""/.exec(data["podHygiene.py"] ?? "") ?? [];
  expect([...explained.matchAll(/^ {2}([A-Z_]+) /gm)].map(([, name]) => name).sort()).toEqual(
    [...Object.keys(environment(cronJob)), "DRY_RUN"].sort(),
  );
});

test("a dry run is one because of a variable", async () => {
  const resource = await declared({ dryRun: true });
  expect(environment(resource("pod-hygiene"))).toHaveProperty("DRY_RUN", "1");
});

test("what is saved goes to a folder of its own in the volume of the backups", async () => {
  const { securityContext, containers, volumes } = podSpec((await declared())("pod-hygiene"));
  expect(volumes).toContainEqual({ name: "evidence", persistentVolumeClaim: { claimName: "backups-twisterlab" } });
  expect(containers[0].volumeMounts).toContainEqual({
    name: "evidence",
    mountPath: "/evidence",
    subPath: "pod-hygiene",
  });
  expect(securityContext).toMatchObject({ runAsNonRoot: true, fsGroup: 10_570 });
});

test.each(["twisterlab", "monitoring"])("its account has the same few rights in %s", async (namespace) => {
  const resource = await declared();
  expect(podSpec(resource("pod-hygiene")).serviceAccountName).toBe("pod-hygiene");
  expect(resource(`pod-hygiene-role-${namespace}`).inputs).toMatchObject({
    metadata: { name: "pod-hygiene", namespace },
    rules: [
      { apiGroups: [""], resources: ["pods"], verbs: ["get", "list", "delete"] },
      { apiGroups: [""], resources: ["pods/log"], verbs: ["get"] },
      { apiGroups: ["apps"], resources: ["replicasets"], verbs: ["get", "list", "delete"] },
    ],
  });
  expect(resource(`pod-hygiene-binding-${namespace}`).inputs).toMatchObject({
    metadata: { namespace },
    roleRef: { kind: "Role", name: "pod-hygiene" },
    subjects: [{ kind: "ServiceAccount", name: "pod-hygiene", namespace: "twisterlab" }],
  });
});

test("it starts when it has its rights, and waits for nothing but by order", async () => {
  const resource = await declared();
  expect(resource("pod-hygiene").dependsOn).toEqual([
    "pod-hygiene-account",
    "pod-hygiene-binding-monitoring",
    "pod-hygiene-binding-twisterlab",
    "pod-hygiene-network",
    "pod-hygiene-role-monitoring",
    "pod-hygiene-role-twisterlab",
    "pod-hygiene-script",
  ]);
});

test.each([
  ["192.168.0.30", "192.168.0.30/32"],
  ["fd00::30", "fd00::30/128"],
])("its pods reach the API server at %s and nobody else", async (address, cidr) => {
  const resource = await declared({ apiServer: { address, port: 6443 } });
  expect(resource("pod-hygiene-network").inputs["spec"]).toEqual({
    podSelector: { matchLabels: expect.objectContaining({ "app.kubernetes.io/name": "pod-hygiene" }) as object },
    policyTypes: ["Ingress", "Egress"],
    egress: [{ to: [{ ipBlock: { cidr } }], ports: [{ protocol: "TCP", port: 6443 }] }],
  });
});

test("a leftover where it does not look is a mistake", async () => {
  await expect(declared({ leftovers: ["twisterlab/builder", "default/builder"] })).rejects.toThrow(
    "pod-hygiene does not look at the namespace of default/builder: add it to its namespaces",
  );
});

test("its name is what the stack can show", async () => {
  const { result } = await record({}, () => new PodHygiene("pod-hygiene", ARGS));
  expect(await valueOf(result.cronJob)).toBe("pod-hygiene");
});
