import * as pulumi from "@pulumi/pulumi";
import { fullImageName } from "../settings/values/image.ts";
import { hostItem, type Host } from "./host.ts";
import type { Observation } from "./observation.ts";
import { NOT_READ, type ItemPlan, type Reason } from "./plan.ts";

export interface ImageImport {
  /** Name with tag, as Docker calls it. */
  image: string;
  /** `sha256:...`, the digest of its configuration: what Docker calls its ID. None: the one that Docker has. */
  id?: string;
  /** File on the host, made by `docker save`, with this image in it. None: it is in the host's own Docker. */
  archive?: string;
}

export type K3sImageImportArgs = ImageImport & Reason;

/**
 * An image that no registry has, in K3s: it is streamed from Docker or from an archive, verified by its ID, and pinned, so
 * that the kubelet does not clear it away. What stood under its name before stays, under another one, for the undo.
 */
export class K3sImageImport extends pulumi.ComponentResource {
  /** What was imported, in the host's words: its full name and its ID. */
  readonly report: pulumi.Output<string>;

  constructor(name: string, args: K3sImageImportArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:K3sImageImport", name, args, opts);
    const { stdout } = hostItem(
      name,
      {
        plan: planK3sImageImport(args, host.observation),
        why: args.why,
        apply: "k3s-image import",
        undo: "k3s-image undo",
        parameters: {
          image: args.image,
          name: fullImageName(args.image),
          source: args.archive === undefined ? "docker" : "archive",
          ...(args.archive === undefined ? {} : { archive: args.archive }),
          ...(args.id === undefined ? {} : { id: args.id }),
        },
      },
      host,
      { parent: this },
    );
    this.report = stdout;
    this.registerOutputs({ report: this.report });
  }
}

/** What the preview says of the image. */
export function planK3sImageImport(args: ImageImport, observation: Observation): ItemPlan {
  const { image, archive } = args;
  const facts = "facts" in observation ? observation.facts : undefined;
  const inDocker = Object.entries(facts?.dockerImages ?? {}).find(
    ([name]) => fullImageName(name) === fullImageName(image),
  )?.[1];
  const id = args.id ?? inDocker;
  const wanted = `${image} in K3s, ${args.id === undefined ? "as Docker has it" : short(args.id)}, pinned`;
  const imports = `${image} is imported from ${archive ?? "this host's Docker"}, verified by its ID${id === undefined ? "" : ` ${short(id)}`}, and pinned`;
  const notes =
    args.id === undefined
      ? {
          notes: [
            `the site file has no ID for ${image}: the one that Docker has counts${inDocker === undefined ? "" : `, ${inDocker}`}`,
          ],
        }
      : {};
  if (facts?.k3sImages === undefined) {
    return { state: "not measured", sentence: imports, wanted, observed: NOT_READ, ...notes };
  }
  const there = facts.k3sImages.find(({ names }) => names.includes(fullImageName(image)));
  const observed = there === undefined ? "K3s does not have it" : `K3s has ${short(there.id)}`;
  if (id === undefined) {
    // Docker may have cleared it away since; what K3s has is then all there is.
    return there === undefined
      ? {
          state: "differs",
          sentence: `Docker has no image ${image}: up will refuse`,
          wanted,
          observed,
          refused: true,
          ...notes,
        }
      : {
          state: "not measured",
          sentence: `${observed} as ${image}; Docker has none to compare it with`,
          wanted,
          observed,
          ...notes,
        };
  }
  if (there?.id !== id) {
    return { state: "differs", sentence: `${observed}: ${imports}`, wanted, observed, ...notes };
  }
  return there.pinned
    ? { state: "in sync", sentence: `K3s has ${image}, ${short(id)}, pinned`, wanted, observed: "as wanted", ...notes }
    : {
        state: "differs",
        sentence: `K3s has ${image}, ${short(id)}, and may clear it away: it is pinned`,
        wanted,
        observed: `${observed}, not pinned`,
        ...notes,
      };
}

/** An ID as `docker images` shows it. */
function short(id: string): string {
  return id.slice(0, "sha256:".length + 12);
}
