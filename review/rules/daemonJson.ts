import { isMapping } from "../../components/settings/draft.ts";
import { type Change, isAltered } from "../plan.ts";
import { finding, undecided, type Finding, type Rule } from "../rule.ts";
import { read, shown, textAt } from "../values.ts";

const PATH = "/etc/docker/daemon.json";

/** Keys with which Docker does not see the images and containers of before any more. */
const OUT_OF_SIGHT = ["data-root", "storage-driver", "storage-opts", "features"] as const;

export const daemonJson: Rule = {
  name: "daemon-json",
  refuses: "another data root or storage driver of Docker's, live-restore off, a registry without TLS",
  reason: "Docker starts without a word with none of its images, containers and volumes, or stops them at each restart",
  source: "Docker's daemon reference; CIS Docker 2.5, 2.15; research C13",
  example: { refused: "live-restore goes from true to false", accepted: "log-opts.max-file goes from 3 to 5" },
  check: ({ changes }) =>
    changes.flatMap((change) => {
      const isOurs = change.type === "twisterlab:host:HostFile" && textAt(change.new?.inputs, "path") === PATH;
      if (!isOurs || !isAltered(change)) {
        return [];
      }
      const [before, after] = [json(change.old?.inputs), json(change.new?.inputs)];
      return before === undefined || after === undefined
        ? [undecided(change, "content", "daemon.json changes something that Docker loses its data for")]
        : compare(change, before, after);
    }),
};

function compare(change: Change, old: Record<string, unknown>, next: Record<string, unknown>): Finding[] {
  const differ = (key: string): boolean => JSON.stringify(old[key]) !== JSON.stringify(next[key]);
  const report = (key: string, why: string, wayOut: string): Finding =>
    finding(change, { field: key, old: shown(old[key]), new: shown(next[key]), why, wayOut });
  const insecure = (values: Record<string, unknown>): unknown[] =>
    Array.isArray(values["insecure-registries"]) ? (values["insecure-registries"] as unknown[]) : [];
  return [
    ...OUT_OF_SIGHT.filter(differ).map((key) =>
      report(
        key,
        "images, containers and volumes of before are out of Docker's sight",
        "leave it; data moves by phase1.dataRoots, which copies and compares it",
      ),
    ),
    ...(old["live-restore"] === true && next["live-restore"] !== true
      ? [report("live-restore", "each restart of Docker stops its containers", "leave it on")]
      : []),
    ...(insecure(next).some((registry) => !insecure(old).includes(registry))
      ? [report("insecure-registries", "images come from there without TLS", "give the registry a certificate")]
      : []),
    ...["tls", "tlsverify"]
      .filter((key) => old[key] === true && next[key] !== true)
      .map((key) => report(key, "Docker's API is open without proof of who calls", "leave it on")),
  ];
}

function json(inputs: unknown): Record<string, unknown> | undefined {
  const content = read(inputs, "content");
  try {
    const value: unknown = JSON.parse(content.is === "value" ? String(content.value) : "");
    return isMapping(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
