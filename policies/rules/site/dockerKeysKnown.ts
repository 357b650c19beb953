import { daemonJson } from "../../support/site/hostItem.ts";
import type { SiteRule } from "../../support/site/rule.ts";

// https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file, of Docker 26 to 28.
const KEYS = (
  "allow-direct-routing allow-nondistributable-artifacts api-cors-header authorization-plugins bip bip6 bridge bridge-accept-fwmark " +
  "builder cdi-spec-dirs cgroup-parent containerd containerd-namespace containerd-plugins-namespace cpu-rt-period " +
  "cpu-rt-runtime data-root debug default-address-pools default-cgroupns-mode default-gateway default-gateway-v6 " +
  "default-ipc-mode default-network-opts default-runtime default-shm-size default-ulimits dns dns-opts dns-search " +
  "exec-opts exec-root experimental features firewall-backend fixed-cidr fixed-cidr-v6 group host-gateway-ip " +
  "host-gateway-ips hosts http-proxy https-proxy icc init init-path insecure-registries ip ip-forward " +
  "ip-forward-no-drop ip-masq ip6tables iptables ipv6 labels live-restore log-driver log-format log-level log-opts " +
  "max-concurrent-downloads max-concurrent-uploads max-download-attempts metrics-addr mtu no-new-privileges no-proxy " +
  "node-generic-resources pidfile proxies raw-logs registry-mirrors runtimes seccomp-profile selinux-enabled " +
  "shutdown-timeout storage-driver storage-opts swarm-default-advertise-addr tls tlscacert tlscert tlskey tlsverify " +
  "userland-proxy userland-proxy-path userns-remap"
).split(" ");

/** daemon.json has no key that keeps Docker from starting. */
export const dockerKeysKnown: SiteRule = {
  name: "docker-keys-known",
  audience: "site",
  level: "mandatory",
  reason: "dockerd does not start with a key that it does not know, nor with some that it knows.",
  source: "dockerd itself; the seeds: overlay2.override_kernel_check stopped the daemon",
  fix: "write the key as Docker's documentation does, and take overlay2.override_kernel_check out.",
  example: { refused: "storage-opts: [overlay2.override_kernel_check=true]", accepted: "storage-driver: overlay2" },
  *check(resource) {
    const daemon = daemonJson(resource);
    if (daemon === undefined) return;
    for (const [key] of daemon.entries()) {
      if (!KEYS.includes(key)) yield { what: `daemon.json has the key ${key}, which dockerd does not know` };
    }
    for (const option of daemon.at("storage-opts").list()) {
      if ((option.text() ?? "").includes("override_kernel_check"))
        yield { what: `${option.path} is gone since Docker 24` };
    }
  },
};
