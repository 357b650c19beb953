import { podsOf, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

const SOCKETS = ["/run", "/var/run"].flatMap((folder) => [
  `${folder}/docker.sock`,
  `${folder}/containerd/containerd.sock`,
  `${folder}/k3s/containerd/containerd.sock`,
  `${folder}/crio/crio.sock`,
]);

/** No pod is given the socket of a container runtime, nor a folder that one is in. */
export const podNoRuntimeSocket: AnyRule = {
  name: "pod-no-runtime-socket",
  audience: "any",
  level: "mandatory",
  reason: "whoever can speak to the container runtime is root on the machine.",
  source: "kube-linter docker-sock, Trivy KSV-0006, Checkov CKV_K8S_27",
  fix: "leave it to the host; a pod has no business with the runtime.",
  example: {
    refused: "hostPath: { path: /run/k3s/containerd/containerd.sock }",
    accepted: "no volume of a runtime's socket",
  },
  *check(resource) {
    for (const { spec } of podsOf(resource)) {
      for (const volume of spec.at("volumes").list()) {
        const path = volume.at("hostPath", "path");
        const folder = (path.text() ?? "").replace(/\/+$/, "");
        if (path.isAbsent) continue;
        if (SOCKETS.some((socket) => socket === folder || socket.startsWith(`${folder}/`))) yield { what: shown(path) };
      }
    }
  },
};
