import { parse } from "yaml";
import { isMapping } from "../../components/settings/draft.ts";
import { bothAt, type Change, isAltered } from "../plan.ts";
import { fieldOf, finding, undecided, type Finding, type Rule } from "../rule.ts";
import { hiddenIn, listAt, read, shown, textAt } from "../values.ts";

const PATH = "/etc/rancher/k3s/registries.yaml";

export const registriesWeakened: Rule = {
  name: "registries-weakened",
  refuses:
    "a registry of K3s' without TLS, without verification, without its authority, or for all names; a mirror that goes",
  reason: "whoever answers in the registry's place then gives the cluster its images, and nothing says so",
  source: "K3s: private registry configuration; the seeds' own registries.yaml; research C14",
  example: { refused: "insecure_skip_verify: true comes into registries.yaml", accepted: "ca_file comes in" },
  check: ({ changes }) => changes.flatMap((change) => (isAltered(change) ? findings(change) : [])),
};

function findings(change: Change): Finding[] {
  // The component has in clear what the file, as a secret, may not show.
  if (change.type === "twisterlab:host:K3sRegistries") {
    const [authority, registry] = [bothAt(change, "authority.file"), bothAt(change, "registry")];
    return [
      ...(authority.old.is === "value" && authority.new.is === "absent"
        ? [
            finding(change, {
              ...fieldOf("authority.file", authority),
              why: "the registry's own authority is not given any more: only public ones count, or none does",
              wayOut: "leave phase1.registry.caCertificate as it is",
            }),
          ]
        : []),
      ...([registry.old, registry.new].some(({ is }) => is === "hidden")
        ? [undecided(change, "registry", "images come from the same registry")]
        : []),
    ];
  }
  if (change.type !== "twisterlab:host:HostFile" || textAt(change.new?.inputs, "path") !== PATH) {
    return [];
  }
  const [old, next] = [yaml(change.old?.inputs), yaml(change.new?.inputs)];
  return old === undefined || next === undefined
    ? [undecided(change, "content", "a registry is reached less safely")]
    : compare(change, old, next);
}

function compare(change: Change, old: Registries, next: Registries): Finding[] {
  const report = (field: string, before: unknown, after: unknown, why: string, wayOut: string): Finding =>
    finding(change, { field, old: shown(before), new: shown(after), why, wayOut });
  const names = Object.keys(next.mirrors);
  return [
    ...Object.keys({ ...old.configs, ...next.configs }).flatMap((name) => {
      const [before, after] = [old.configs[name], next.configs[name]];
      const field = `configs.${name}.tls`;
      const [skipped, skips] = [before, after].map((config) => read(config, "tls.insecure_skip_verify"));
      const [had, has] = [before, after].map((config) => textAt(config, "tls.ca_file"));
      return [
        ...(skips?.is === "value" && skips.value !== false && !(skipped?.is === "value" && skipped.value === true)
          ? [
              report(
                `${field}.insecure_skip_verify`,
                false,
                skips.value,
                "its certificate is not verified any more",
                "give K3s the registry's authority as ca_file",
              ),
            ]
          : []),
        ...(had !== undefined && has === undefined
          ? [report(`${field}.ca_file`, had, has, "its own authority is not given any more", "leave the ca_file")]
          : []),
      ];
    }),
    ...names.flatMap((name) => {
      const [before, after] = [old.mirrors[name], next.mirrors[name]].map((mirror) => listAt(mirror, "endpoint"));
      const plain = (after ?? []).filter((url) => String(url).startsWith("http://") && before?.includes(url) !== true);
      return plain.length === 0
        ? []
        : [
            report(
              `mirrors.${name}.endpoint`,
              before,
              after,
              "images come from there without TLS",
              "reach it by https",
            ),
          ];
    }),
    ...(names.includes("*") && !("*" in old.mirrors)
      ? [
          report(
            "mirrors.*",
            undefined,
            next.mirrors["*"],
            "every image of every name comes from there",
            "name the registries that are meant",
          ),
        ]
      : []),
    ...Object.keys(old.mirrors)
      .filter((name) => !names.includes(name))
      .map((name) =>
        report(
          `mirrors.${name}`,
          old.mirrors[name],
          undefined,
          "its images come from the internet, or not at all",
          "leave it, or name another one",
        ),
      ),
  ];
}

interface Registries {
  mirrors: Record<string, unknown>;
  configs: Record<string, unknown>;
}

/** The file as a review may see it: the text without its secrets, as one text or by lines. */
function yaml(inputs: unknown): Registries | undefined {
  const content = read(inputs, "content");
  if (content.is !== "value" || hiddenIn(content.value) !== undefined) {
    return undefined;
  }
  try {
    // Without a line it is a file without registries.
    const file: unknown = parse([content.value].flat().join("\n")) ?? {};
    return isMapping(file) ? { mirrors: part(file["mirrors"]), configs: part(file["configs"]) } : undefined;
  } catch {
    return undefined;
  }
}

function part(value: unknown): Record<string, unknown> {
  return isMapping(value) ? value : {};
}
