import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { parseFacts } from "../../components/host/facts.ts";
import { kubeletValues, renderKubeletConfig } from "../../components/host/render/kubeletConfig.ts";
import { fileInput, scratchHost, type ScratchHost } from "../support/hostScripts.ts";
import { limits } from "../support/kubeletLimits.ts";

describe("on the host", () => {
  let host: ScratchHost;
  const content = renderKubeletConfig(limits);

  /** A K3s that runs with the flags of its drop-ins: \`k3s\` reads them when it is restarted, as the real one does. */
  const K3S = `
    timeout() { shift; "$@"; }
    need_commands() { :; }
    machine_id() { echo abc; }
    k3s() {
      case $* in
        --version) cat -- "$RUN/version" ;;
        *readyz) [[ -e $RUN/running ]] ;;
        *nodes) [[ -e $RUN/running ]] && echo '{"items": [{"metadata": {"name": "other"}, "status": {"nodeInfo": {"machineID": "xyz"}}}, {"metadata": {"name": "edgeserver"}, "status": {"nodeInfo": {"machineID": "abc"}}}]}' ;;
        *nodes/edgeserver/proxy/configz) cat -- "$RUN/running" ;;
        *) return 1 ;;
      esac
    }
    systemctl() {
      case $* in
        *InvocationID*) [[ ! -e $RUN/starts-over ]] || uptime_seconds ;;
        show*) echo "{ path=/usr/local/bin/k3s ; argv[]=/usr/local/bin/k3s server $(cat -- "$RUN/flags" 2> /dev/null) }" ;;
        "restart k3s")
          echo restart >> "$RUN/systemctl"
          [[ ! -e $RUN/stubborn ]] || return 0
          cat -- "$RUN/runs-with" > "$RUN/running"
          if [[ -e $RUN/k3s/config.yaml.d/50-twisterlab-edge.yaml ]]; then cat -- "$RUN/runs-then" > "$RUN/running"; fi
          ;;
      esac
    }`;
  const defaults = JSON.stringify({
    kubeletconfig: { imageGCHighThresholdPercent: 85, imageGCLowThresholdPercent: 80 },
  });
  const path = () => host.at("k3s/config.yaml.d/50-twisterlab-edge.yaml");
  const input = (text = content) => fileInput(path(), text, { validate: "k3s-kubelet", activate: "k3s-kubelet" });
  const runsThen = (values: object) => {
    host.write("runs-then", JSON.stringify({ kubeletconfig: values }));
  };

  beforeEach(() => {
    host = scratchHost(K3S);
    host.write("version", "k3s version v1.33.6+k3s1 (b5847677)\ngo version go1.24.9\n");
    host.write("k3s/config.yaml", "token: a-secret-token\nkubelet-arg:\n  - max-pods=200\n");
    host.write("runs-with", defaults);
    host.write("running", defaults);
    runsThen({ ...kubeletValues(limits), maxPods: 200 });
  });
  afterEach(() => {
    host.remove();
  });

  test("the file is installed, and the kubelet then runs with every value of it", () => {
    expect(host.run("host-file put", input())).toEqual({ code: 0, stdout: `installed ${path()}\n`, stderr: "" });
    expect(parse(host.read("k3s/config.yaml.d/50-twisterlab-edge.yaml") ?? "")).toHaveProperty("kubelet-arg+");
    expect(host.run("host-file put", input()).stdout).toBe(`${path()} is as wanted\n`);
    expect(host.read("systemctl")?.match(/restart/g)).toHaveLength(1);
  });

  test("the same file under a kubelet that does not run with it is put to work", () => {
    host.run("host-file put", input());
    host.write("running", defaults);
    expect(host.run("host-file put", input()).stdout).toBe(`installed ${path()}\n`);
    expect(host.read("running")).toContain('"imageGCHighThresholdPercent":80');
  });

  test("a value that the kubelet does not take brings the old state back", () => {
    runsThen({ ...kubeletValues(limits), containerLogMaxSize: "10Mi" });
    host.stub('wait_until() { shift; "$@"; }');
    const { code } = host.run("host-file put", input());
    expect(code).toBe(70);
    expect(host.list("k3s/config.yaml.d")).toEqual([]);
    expect(host.read("running")).toBe(defaults);
  });

  test("a K3s that starts over and over is not well, whatever its API server says in between", () => {
    host.write("starts-over", "");
    expect(host.run("host-file put", input()).code).toBe(71);
    expect(host.list("k3s/config.yaml.d")).toEqual([]);
  });

  test("a signal too many, or one too few, is not what was wanted", () => {
    host.stub('wait_until() { shift; "$@"; }');
    const { evictionHard, ...rest } = kubeletValues(limits);
    runsThen({ ...rest, evictionHard: { ...evictionHard, "pid.available": "1%" } });
    expect(host.run("host-file put", input()).code).toBe(70);
    runsThen({ ...rest, evictionHard: { "memory.available": "300Mi" } });
    expect(host.run("host-file put", input()).code).toBe(70);
  });

  test("an undo needs only a K3s that is well", () => {
    host.run("host-file put", input());
    expect(host.run("host-file undo", input())).toEqual({ code: 0, stdout: `brought back ${path()}\n`, stderr: "" });
    expect(host.read("running")).toBe(defaults);
  });

  test.each([
    [
      "another file sets one of our flags",
      () => {
        host.write(
          "k3s/config.yaml",
          "token: a-secret-token\nkubelet-arg:\n  - eviction-hard=memory.available<1Gi\n  - --image-gc-low-threshold=1\n",
        );
      },
      "/k3s/config.yaml sets eviction-hard,image-gc-low-threshold as well",
    ],
    [
      "a drop-in sets one, as a text",
      () => {
        host.write("k3s/config.yaml.d/10-x.yml", "kubelet-arg+: container-log-max-files=9\n");
      },
      "/k3s/config.yaml.d/10-x.yml sets container-log-max-files as well",
    ],
    [
      "a later drop-in replaces ours",
      () => {
        host.write("k3s/config.yaml.d/90-x.yaml", "kubelet-arg:\n  - max-pods=100\n");
      },
      "/k3s/config.yaml.d/90-x.yaml has kubelet-arg, which replaces ours",
    ],
    [
      "another file is none",
      () => {
        host.write("k3s/config.yaml", "token: a-secret-token\n  broken: [\n");
      },
      "/k3s/config.yaml is not a mapping in YAML",
    ],
    [
      "the service has flags of its own",
      () => {
        host.write("flags", "--token a-secret-token --kubelet-arg=max-pods=1");
      },
      "k3s.service has --kubelet-arg in its command line",
    ],
    [
      "this K3s knows no drop-ins",
      () => {
        host.write("version", "k3s version v1.20.15+k3s1 (x)\n");
      },
      "does not read",
    ],
    [
      "this K3s says something else",
      () => {
        host.write("version", "?\n");
      },
      "does not read",
    ],
  ])("refused when %s, without a word of what else stands there", (_, given, reason) => {
    given();
    const { code, stderr } = host.run("host-file put", input());
    expect(code).toBe(65);
    expect(stderr).toContain(reason);
    expect(stderr).not.toContain("a-secret-token");
    expect(host.read("systemctl")).toBeUndefined();
  });

  test.each(["", "kubelet-arg+: []\n", "a: [\n", "- x\n"])("refused when the new file is %j", (text) => {
    expect(host.run("host-file put", input(text))).toMatchObject({
      code: 65,
      stderr: expect.stringContaining("is not a list of flags in YAML") as string,
    });
  });

  test("a drop-in before ours with other flags is left alone", () => {
    host.write("k3s/config.yaml.d/10-x.yaml", "kubelet-arg:\n  - max-pods=100\nnode-label: [a=b]\n");
    expect(host.run("host-file put", input()).code).toBe(0);
  });

  test("what the kubelet runs with is a fact, of this machine's node alone", () => {
    host.write("running", host.read("runs-then") ?? "");
    const { stdout } = host.call("kubelet_config");
    expect(parseFacts(`== kubelet\n${stdout}== end\n`, "00").kubelet).toEqual(kubeletValues(limits));
    expect(stdout).not.toContain("maxPods");
    host.stub("machine_id() { echo nobody; }");
    expect(host.call("section kubelet kubelet_config")).toMatchObject({ code: 0, stdout: "" });
  });
});
