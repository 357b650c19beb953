import { ipRange } from "../values/address.ts";
import { dnsLabel, hostName } from "../values/name.ts";
import { named, object, text } from "./build.ts";

export const phase3 = object("Phase 3, high availability: what the other phases must keep clear of.", {
  metalLb: object("MetalLB, which gives services addresses of the local network.", {
    pool: text(ipRange, "Addresses that it gives out."),
  }),
  ingressHosts: named(
    "Host names that are served from the cluster, by what they lead to.",
    dnsLabel,
    text(hostName, "Host name."),
  ),
});
