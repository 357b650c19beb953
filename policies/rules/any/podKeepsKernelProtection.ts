import { eachContainer, security, shown } from "../../support/pods.ts";
import type { Field } from "../../support/field.ts";
import { podsOf } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** What a field that is left out stands for. */
const DEFAULTS: Readonly<Record<string, string>> = { procMount: "Default" };

/** https://kubernetes.io/docs/concepts/security/pod-security-standards/ of 1.33, baseline. */
const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];
const SAFE_SYSCTLS = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];

/** AppArmor, SELinux, /proc and the kernel's settings stay as they are. */
export const podKeepsKernelProtection: AnyRule = {
  name: "pod-keeps-kernel-protection",
  audience: "any",
  level: "mandatory",
  reason: "it takes down a wall that the kernel keeps between containers.",
  source:
    "Pod Security Standards baseline, kube-linter unsafe-sysctls and unsafe-proc-mount, Trivy KSV-0002 and KSV-0025 to KSV-0027",
  fix: "leave the field out.",
  example: {
    refused: "securityContext: { procMount: Unmasked }",
    accepted: "securityContext without appArmorProfile, procMount, seLinuxOptions and sysctls",
  },
  *check(resource) {
    for (const { spec } of podsOf(resource)) {
      for (const sysctl of spec.at("securityContext", "sysctls").list()) {
        const name = sysctl.at("name");
        if (!SAFE_SYSCTLS.includes(name.text() ?? "")) yield { what: shown(name) };
      }
    }
    for (const container of eachContainer(resource)) {
      const refused: [Field, (text: string) => boolean][] = [
        [security(container, "appArmorProfile", "type"), (text) => text === "Unconfined"],
        [container.field.at("securityContext", "procMount"), (text) => text !== "Default"],
        [security(container, "seLinuxOptions", "type"), (text) => !SELINUX_TYPES.includes(text)],
        [security(container, "seLinuxOptions", "user"), (text) => text !== ""],
        [security(container, "seLinuxOptions", "role"), (text) => text !== ""],
      ];
      for (const [field, isRefused] of refused) {
        if (isRefused(field.text() ?? DEFAULTS[field.path.split(".").at(-1) ?? ""] ?? "")) {
          yield { what: `${container.title}: ${shown(field)}` };
        }
      }
      const hostProcess = security(container, "windowsOptions", "hostProcess");
      if (hostProcess.flag() === true) yield { what: `${container.title}: ${shown(hostProcess)}` };
    }
  },
};
