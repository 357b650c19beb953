import { ipRange } from "../values/address.ts";
import { metalLbChart } from "../values/chart.ts";
import { dnsLabel, hostName } from "../values/name.ts";
import { named, object, text } from "./build.ts";

export const phase3 = object("Phase 3, high availability.", {
  metalLb: object("MetalLB, which gives services addresses of the local network.", {
    pool: text(ipRange, "Addresses that it gives out."),
    version: text(metalLbChart, "Version of its chart.").prefault("0.16.1"),
    namespace: text(dnsLabel, "Namespace that this program makes for it.").prefault("metallb-system"),
  }),
  ingressHosts: named(
    "Host names that are served from the cluster, by what they lead to.",
    dnsLabel,
    text(hostName, "Host name."),
  ),
});
