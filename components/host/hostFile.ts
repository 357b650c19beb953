import * as pulumi from "@pulumi/pulumi";
import { hostCommand, type Host } from "./host.ts";

export interface HostFileArgs {
  /** Absolute path on the host. */
  path: string;
  /** Whole content. A secret content stays secret in the state and in every diff. */
  content: pulumi.Input<string>;
  /** What a review may see of a secret content: the same text without the secrets. Default: nothing. */
  shown?: string;
  /** Octal, as `stat -c %a` prints it. Default `644`. */
  mode?: string;
  /** `user:group`. Default `root:root`. */
  owner?: string;
  /** Check of the staged file by the tool that reads it. Default `none`. */
  validate?: "none" | "docker-daemon" | "k3s-registries" | "certificate";
  /** What puts the installed file to work, and proves it. Default `none`. */
  activate?: "none" | "docker" | "k3s";
}

/**
 * One file of the host: staged, validated, installed by rename, put to work, taken back when that fails. Removing the
 * resource brings back what stood there before, byte for byte, unless somebody changed the file since.
 */
export class HostFile extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: HostFileArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    const { content, shown, ...rest } = args;
    const file = { mode: "644", owner: "root:root", validate: "none", activate: "none", ...rest };
    super("twisterlab:host:HostFile", name, { ...file, ...reviewable(shown ?? content) }, opts);

    const parameters = {
      item: name,
      path: file.path,
      mode: file.mode,
      owner: file.owner,
      validate: file.validate,
      activate: file.activate,
    };
    const put = hostCommand(
      `${name}-put`,
      { apply: "host-file put", undo: "host-file undo", parameters, content },
      host,
      { parent: this },
    );
    this.path = put.id.apply(() => file.path);
    this.registerOutputs({ path: this.path });
  }
}

/**
 * The content as a review can show it: Pulumi unfolds JSON by itself and cuts other text off after three lines. What is
 * not known in clear here is secret, and not shown.
 */
function reviewable(content: pulumi.Input<string>): { content?: string | string[] } {
  if (typeof content !== "string") {
    return {};
  }
  return { content: content.startsWith("{") ? content : content.split("\n") };
}
