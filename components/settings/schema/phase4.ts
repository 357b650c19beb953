import { cidr } from "../values/address.ts";
import { duration } from "../values/duration.ts";
import { dnsLabel, labelKey, labelOrAny, line } from "../values/name.ts";
import { endpoint, port } from "../values/network.ts";
import { fact, flag, list, named, object, text, textOrNumber } from "./build.ts";

const ports = (what: string) => list(what, textOrNumber(port, "Port, with /UDP where it is not TCP."));

const flow = object("Who may reach whom.", {
  from: list("Any of these.", text(endpoint, "Endpoint.")),
  to: list("Each of these.", text(endpoint, "Endpoint.")),
  ports: ports("Ports of `to`; default: all that are known of it.").exactOptional(),
  purpose: text(line, "Why, for whoever reviews."),
});

export const phase4 = object("Phase 4, security: network policies.", {
  namespaces: list(
    "Namespaces that are closed, one after the other: there, what no flow allows is refused.",
    text(dnsLabel, "Namespace."),
    0,
  ).default([]),
  watch: text(duration, "How long a namespace is watched after it was closed, before the next one is.").prefault(
    "45 s",
  ),
  pods: named(
    "Pods that no entry under `workloads` stands for: by namespace, then by name.",
    dnsLabel,
    named(
      "The namespace's pods.",
      dnsLabel,
      object("Pods by their labels.", {
        labels: named("Labels that they carry.", labelKey, text(labelOrAny, "Value, or `*` for any.")),
        ports: ports("Ports that they listen on.").default([]),
        transient: flag("Whether they come and go, as those of jobs do.").default(false),
        hostNetwork: flag("Whether they have the machine's own network, where no policy counts.").default(false),
      }),
    ),
  ).default({}),
  addresses: named(
    "Networks outside of the cluster, by name.",
    dnsLabel,
    fact(cidr, "Network in CIDR notation; one address ends with /32."),
  ).default({}),
  flows: list("Who may reach whom.", flow, 0).default([]),
}).prefault({});
