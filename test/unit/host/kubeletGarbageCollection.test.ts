import { describe, expect, test } from "vitest";
import { type KubeletFact } from "../../../components/host/facts.ts";
import { planKubeletGarbageCollection } from "../../../components/host/kubeletGarbageCollection.ts";
import { kubeletValues, renderKubeletConfig } from "../../../components/host/render/kubeletConfig.ts";
import { limits } from "../../support/kubeletLimits.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";
import { phase0With } from "../../support/phase0.ts";

const PATH = "/etc/rancher/k3s/config.yaml.d/50-twisterlab-edge.yaml";

describe("the kubelet's drop-in", () => {
  test("adds flags, and names every signal that has a default", () => {
    expect(renderKubeletConfig(limits)).toMatchInlineSnapshot(`
      "kubelet-arg+:
        - image-gc-high-threshold=80
        - image-gc-low-threshold=70
        - eviction-hard=memory.available<300Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<10%,imagefs.inodesFree<5%
        - eviction-minimum-reclaim=nodefs.available=5%,imagefs.available=5%
        - container-log-max-size=20Mi
        - container-log-max-files=3
      "
    `);
  });

  test("writes bytes that are no whole MiB as they are", () => {
    const odd = { ...limits, containerLogs: { maxSize: 10_000_000, maxFiles: 2 } };
    expect(renderKubeletConfig(odd)).toContain("container-log-max-size=10000000\n");
  });
});

describe("the plan", () => {
  const file = { [PATH]: fileFact(renderKubeletConfig(limits)) };
  const k3sDefaults: KubeletFact = {
    imageGCHighThresholdPercent: 85,
    imageGCLowThresholdPercent: 80,
    evictionHard: { "imagefs.available": "5%", "nodefs.available": "5%" },
    evictionMinimumReclaim: { "imagefs.available": "10%", "nodefs.available": "10%" },
    containerLogMaxSize: "10Mi",
    containerLogMaxFiles: 5,
  };
  const kubelet = kubeletValues(limits);

  test.each([
    ["blind", blind, "not measured", `${PATH}: unused images go above 80 % of the disk`],
    ["of a host that was not asked for the file", seen({}), "not measured", "K3s is restarted, its pods stay up"],
    ["with file and kubelet as wanted", seen({ files: file, kubelet }), "in sync", "the kubelet runs as wanted"],
    ["with the file as wanted and K3s down", seen({ files: file }), "not measured", "the kubelet could not be asked"],
    [
      "without the file",
      seen({ files: { [PATH]: null }, kubelet: k3sDefaults }),
      "differs",
      `${PATH} is not there yet; the kubelet runs with imageGCHighThresholdPercent 85 -> 80, `,
    ],
    [
      "with the file and another kubelet",
      seen({ files: file, kubelet: { ...kubelet, containerLogMaxFiles: 5 } }),
      "differs",
      "the kubelet runs with containerLogMaxFiles 5 -> 3; K3s is restarted",
    ],
    [
      "with another file and a kubelet that does not know yet",
      seen({ files: { [PATH]: fileFact("kubelet-arg+: []\n") }, kubelet }),
      "differs",
      `${PATH} has other lines: `,
    ],
  ] as const)("%s", (_, observation, state, sentence) => {
    const plan = planKubeletGarbageCollection(limits, observation);
    expect(plan.state).toBe(state);
    expect(plan.sentence).toContain(sentence);
  });

  test("names each signal that is missing, and each that nobody wants", () => {
    const { observed } = planKubeletGarbageCollection(
      limits,
      seen({
        files: file,
        kubelet: { ...kubelet, evictionHard: { ...k3sDefaults.evictionHard, "pid.available": "5%" } },
      }),
    );
    expect(observed).toBe(
      "the kubelet runs with evictionHard memory.available unset -> 300Mi, evictionHard nodefs.available 5% -> 10%, evictionHard nodefs.inodesFree unset -> 5%, evictionHard imagefs.available 5% -> 10%, evictionHard imagefs.inodesFree unset -> 5%, evictionHard pid.available 5% -> unset",
    );
  });

  test("takes a map that the kubelet leaves out for an empty one", () => {
    const { observed } = planKubeletGarbageCollection(
      limits,
      seen({ files: file, kubelet: { ...kubelet, evictionMinimumReclaim: null } }),
    );
    expect(observed).toContain("evictionMinimumReclaim nodefs.available unset -> 5%");
  });
});

test("phase 0 registers it with the choices of the site file, or with defaults", async () => {
  const content = async (change: Record<string, unknown>) =>
    (await phase0With(change))("kubelet-yaml-apply")?.inputs["stdin"];
  expect(await content({ kubelet: {} })).toContain(`\n${renderKubeletConfig(limits)}`);
  const chosen = await content({
    kubelet: { imageGc: { high: 75, low: 60 }, containerLogs: { maxSize: "10 MB", maxFiles: 2 } },
  });
  expect(chosen).toContain("image-gc-high-threshold=75\n");
  expect(chosen).toContain("container-log-max-size=10000000\n");
  expect(chosen).toMatch(/validate: k3s-kubelet\nactivate: k3s-kubelet\n(.+\n)*confirm_within: /);
});
