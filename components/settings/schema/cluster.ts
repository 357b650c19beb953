import { cidr, ipAddress, ipRange } from "../values/address.ts";
import { imageReference } from "../values/image.ts";
import {
  apiServer,
  dnsLabel,
  hostName,
  kindAndName,
  labelKey,
  labelValue,
  localPath,
  urlPath,
} from "../values/name.ts";
import { cpu, memory } from "../values/quantity.ts";
import { choice, count, fact, list, named, object, text, textOrNumber } from "./build.ts";

export const cluster = object("The Kubernetes cluster and how the program gets into it.", {
  identifier: text(dnsLabel, "Constant name of the cluster: with it a renewed kubeconfig replaces no object."),
  kubeconfigFile: text(localPath, "Kubeconfig of the program's own service account, on this machine."),
  apiServer: text(apiServer, "URL of the Kubernetes API."),
  node: fact(hostName, "Name of the machine's node in Kubernetes.").default("unknown"),
  takeOver: list(
    "Objects that were there before this program and that it may take over: it overwrites what it sets of them, and removes them when it is done.",
    text(kindAndName, "Kind, and namespace/name."),
    0,
  ).default([]),
});

export const network = object("The local network and the ranges inside the cluster.", {
  cidr: text(cidr, "Local network that the machine is on."),
  gateway: fact(ipAddress, "Router of the local network."),
  dhcpRange: fact(ipRange, "Addresses that the router gives out by DHCP."),
  podCidr: text(cidr, "Addresses of the pods; 10.42.0.0/16 is the default of K3s."),
  serviceCidr: text(cidr, "Addresses of the services; 10.43.0.0/16 is the default of K3s."),
  nodePorts: named(
    "Ports of the machine that services are already published on, by what listens there.",
    dnsLabel,
    count("Port, from the range that Kubernetes keeps for it.", 30000, 32767),
  ),
});

export const share = (what: string) =>
  object(what, { cpu: textOrNumber(cpu, "Processor share."), memory: text(memory, "Memory.") });

const workload = object("A workload and what its pods carry.", {
  kind: choice("Kind of the Kubernetes object.", ["Deployment", "StatefulSet", "DaemonSet"]),
  labels: named("Labels of its pods.", labelKey, text(labelValue, "Value of the label.")).default({}),
  image: text(imageReference, "Image of its container; without a tag where nobody recorded one.").exactOptional(),
  container: text(dnsLabel, "Name of its container.").exactOptional(),
  ports: list("Ports that its pods listen on.", count("TCP port.", 1, 65535), 0).default([]),
  health: text(urlPath, "Path that answers when it is well.").exactOptional(),
  replicas: object("How many pods run: the limits of its autoscaler, or twice the same number.", {
    min: count("Fewest pods; 0 for a workload that is down.", 0, 1000),
    max: count("Most pods.", 0, 1000),
  }).default({ min: 1, max: 1 }),
  claims: named(
    "Its persistent volume claims and their size.",
    dnsLabel,
    text(memory, "Requested size of the volume."),
  ).default({}),
  requests: share("What each pod is promised.").exactOptional(),
  limits: share("What each pod may use at most.").exactOptional(),
});

export const workloads = named(
  "What runs on the cluster today: by namespace, then by name.",
  dnsLabel,
  named("The namespace's workloads.", dnsLabel, workload),
);
