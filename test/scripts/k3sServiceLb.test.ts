import { afterEach, beforeEach, expect, test } from "vitest";
import { fileInput, scratchHost, type ScratchHost } from "../support/hostScripts.ts";

let host: ScratchHost;

/** A K3s that takes its balancer's pods away when it is started without it. */
const K3S = `
  timeout() { shift; "$@"; }
  wait_until() { shift; "$@"; }
  need_commands() { :; }
  hostname() { echo "192.168.0.30 10.42.0.1 "; }
  k3s() {
    case $* in
      *readyz) : ;;
      *ipaddresspools) cat -- "$RUN/pools" ;;
      *daemonsets) cat -- "$RUN/daemonsets" ;;
      *services) cat -- "$RUN/services" ;;
      *) return 1 ;;
    esac
  }
  systemctl() {
    case $* in
      show*) cat -- "$RUN/flags" 2> /dev/null || : ;;
      "restart k3s") [[ ! -e $RUN/k3s/config.yaml.d/51-x.yaml ]] || echo '{"items": []}' > "$RUN/daemonsets" ;;
    esac
  }`;
const PATH = "k3s/config.yaml.d/51-x.yaml";
const CONTENT = "disable+:\n  - servicelb\n";
const put = () =>
  host.run(
    "host-file put",
    fileInput(host.at(PATH), CONTENT, { validate: "k3s-servicelb", activate: "k3s-servicelb" }),
  );
const service = (ingress: object[]) =>
  JSON.stringify({
    items: [
      {
        metadata: { namespace: "kube-system", name: "traefik" },
        spec: { type: "LoadBalancer" },
        status: { loadBalancer: { ingress } },
      },
    ],
  });

beforeEach(() => {
  host = scratchHost(K3S);
  host.write("k3s/config.yaml", "token: a-secret-token\n");
  host.write("pools", '{"items": [{}]}');
  host.write("daemonsets", '{"items": [{"metadata": {"name": "svclb-traefik"}}]}');
  host.write("services", service([{ ip: "192.168.0.100" }]));
});
afterEach(() => {
  host.remove();
});

test("it is switched off when somebody else has given every service an address", () => {
  expect(put()).toMatchObject({ code: 0, stdout: `installed ${host.at(PATH)}\n` });
  expect(put().stdout).toBe(`${host.at(PATH)} is as wanted\n`);
});

test.each([
  ["without an address", []],
  ["that still has the machine's own", [{ ip: "192.168.0.30" }]],
])("a service %s brings it back", (_, ingress) => {
  host.write("services", service(ingress));
  const { code, stderr } = put();
  expect(code).toBe(70);
  expect(stderr).toContain("the service kube-system/traefik has no address of MetalLB");
  expect(host.list("k3s/config.yaml.d")).toEqual([]);
});

test.each([
  ["there is no pool", "pools", '{"items": []}', "MetalLB has no pool on this cluster"],
  ["a later drop-in replaces it", "k3s/config.yaml.d/90-x.yaml", "disable: [traefik]\n", "replaces ours"],
  ["the service has flags of its own", "flags", "k3s server --disable=traefik\n", "has --disable in its command line"],
])("is refused where %s", (_, file, content, reason) => {
  host.write(file, content);
  const { code, stderr } = put();
  expect(code).toBe(65);
  expect(stderr).toContain(reason);
  expect(stderr).not.toContain("a-secret-token");
  expect(host.read(PATH)).toBeUndefined();
});
