import { bothAt, type Change, type ChangePlan, isAltered } from "../plan.ts";
import { fieldOf, finding, undecided, type Finding, type Rule } from "../rule.ts";
import { read, shownReading } from "../values.ts";

export const wrongHost: Rule = {
  name: "wrong-host",
  refuses: "another machine, or another cluster, than the one that the state is about",
  reason: "what the state says is there is not there, and what is there is somebody else's",
  source: "research C28; a kubeconfig is a file that other tools write to",
  example: {
    refused: "the machine's identity in the site file becomes another one",
    accepted: "the identity, unknown until now, is filled in",
  },
  check: (plan) =>
    plan.changes.flatMap((change) => [...machine(change), ...commands(change), ...cluster(change, plan)]),
};

/** The machine stands in the arguments of the entry point; a connection is secret as a whole. */
function machine(change: Change): Finding[] {
  if (change.type !== "twisterlab:host:EntryPoint" || !isAltered(change)) {
    return [];
  }
  return ["machine.address", "machine.id"].flatMap((path): Finding[] => {
    const both = bothAt(change, path);
    if (both.old.is === "hidden" || both.new.is === "hidden") {
      return [undecided(change, path, "it is the same machine")];
    }
    // An identity that was not known, and is now, is no other one.
    const learned = path === "machine.id" && both.old.is === "absent";
    return learned || shownReading(both.old) === shownReading(both.new)
      ? []
      : [
          finding(change, {
            ...fieldOf(path, both),
            why: "everything that was applied so far was applied to another machine",
            wayOut: "a new machine is a new site, with a state of its own; or approve it, if only the address changed",
          }),
        ];
  });
}

/** Of programs that do not say it elsewhere. */
function commands(change: Change): Finding[] {
  if (change.type !== "command:remote:Command") {
    return [];
  }
  if (change.differs.includes("connection.host")) {
    const both = bothAt(change, "connection.host");
    const why = "it runs on another machine than before";
    return [
      finding(change, { ...fieldOf("connection.host", both), why, wayOut: "see that it is the machine that is meant" }),
    ];
  }
  const hidden = change.within.every((type) => !type.startsWith("twisterlab:host:"));
  return change.differs.includes("connection") && hidden
    ? [undecided(change, "connection", "it runs on the same machine")]
    : [];
}

/** Where the kubeconfig leads to, as the last `up` left it among the outputs, and as it is now. */
function cluster(change: Change, plan: ChangePlan): Finding[] {
  const wayOut = "see that the kubeconfig leads to the cluster that is meant";
  if (change.type === "pulumi:providers:kubernetes" && isAltered(change)) {
    return ["clusterIdentifier", "context"].flatMap((path) => {
      const both = bothAt(change, path);
      return shownReading(both.old) === shownReading(both.new)
        ? []
        : [finding(change, { ...fieldOf(path, both), why: "the objects of another cluster are meant", wayOut })];
    });
  }
  if (change.type !== "pulumi:pulumi:Stack" || plan.cluster.server === undefined) {
    return [];
  }
  const old = read(change.old?.outputs, "clusterServer");
  return old.is === "absent" || shownReading(old) === plan.cluster.server
    ? []
    : [
        finding(change, {
          field: "clusterServer",
          old: shownReading(old),
          new: plan.cluster.server,
          why: "the kubeconfig leads to another server than when this was applied",
          wayOut,
        }),
      ];
}
