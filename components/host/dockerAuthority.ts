import * as pulumi from "@pulumi/pulumi";
import type { Host } from "./host.ts";
import { HostFile } from "./hostFile.ts";
import type { Reason } from "./plan.ts";

export interface DockerAuthorityArgs extends Reason {
  /** Host name of the registry, with `:port` where it is not 443. */
  registry: string;
  /** Certificate of the authority that signed the registry's, in PEM; undefined as long as nobody knows it. */
  certificate: string | undefined;
}

/**
 * The authority that Docker verifies a registry by, in a folder of its own for it. Docker reads it at each pull and push:
 * nothing is restarted (https://docs.docker.com/engine/security/certificates/).
 */
export class DockerAuthority extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: DockerAuthorityArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    super("twisterlab:host:DockerAuthority", name, args, opts);
    const file = new HostFile(
      `${name}-ca`,
      {
        path: `/etc/docker/certs.d/${args.registry}/ca.crt`,
        content: args.certificate,
        why: args.why,
        effect: "Docker reads it at its next pull or push; nothing is restarted",
        validate: "certificate",
      },
      host,
      { parent: this },
    );
    this.path = file.path;
    this.registerOutputs({ path: this.path });
  }
}
