import type { Restart } from "./plan.ts";

/**
 * What putting a file to work takes away for a while, by the name of its `activate_NAME` in scripts/. The seconds are the sums
 * of the limits there, after which a change is taken back; a restart that goes well takes a part of them.
 */
export const RESTARTS: Readonly<Record<string, Restart>> = {
  // hostFile.sh: systemctl restart 120 s, then 60 s to answer.
  docker: { service: "Docker", seconds: 180, meanwhile: "containers stay up while live-restore is on" },
  // hostFile.sh: systemctl restart 300 s, then 180 s to answer, then 10 s in which it must not die.
  k3s: { service: "K3s", seconds: 490, meanwhile: "no API server; pods stay up" },
  // kubelet.sh: as k3s, and 60 s more until the kubelet runs with every value.
  "k3s-kubelet": { service: "K3s", seconds: 550, meanwhile: "no API server; pods stay up" },
  // serviceLb.sh: as k3s, and 120 s more until every service has an address.
  "k3s-servicelb": { service: "K3s", seconds: 610, meanwhile: "no API server; pods stay up" },
  // journald.sh: systemctl restart 60 s, then 60 s to answer.
  journald: { service: "journald", seconds: 120, meanwhile: "systemd holds what is logged" },
};
