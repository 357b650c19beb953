import * as pulumi from "@pulumi/pulumi";
import type { Secret } from "../settings/values/secret.ts";
import type { Host } from "./host.ts";
import { HostFile } from "./hostFile.ts";
import type { Reason } from "./plan.ts";
import { renderRegistriesYaml } from "./render/registriesYaml.ts";

const PATH = "/etc/rancher/k3s/registries.yaml";

export interface K3sRegistriesArgs extends Reason {
  /** Host name of the registry, with `:port` where it is not 443. */
  registry: string;
  /** Account that K3s pulls with. */
  user: string;
  /** Its password, undefined as long as nobody knows it; ends up in the state encrypted and on the host in a file only root can read. */
  password: Secret | undefined;
  /** The registry's certificate authority: where it is kept on the host, and its PEM text, undefined as long as nobody knows it. */
  authority?: { file: string; certificate: string | undefined };
}

/**
 * Where K3s pulls images from: over TLS that is verified, with an account that may only pull. K3s reads the file when
 * it starts, so it is restarted; pods outlive that, the API server is away for some seconds.
 */
export class K3sRegistries extends pulumi.ComponentResource {
  readonly path: pulumi.Output<string>;

  constructor(name: string, args: K3sRegistriesArgs, host: Host, opts?: pulumi.ComponentResourceOptions) {
    const { password, ...rest } = args;
    super("twisterlab:host:K3sRegistries", name, rest, opts);

    const dependsOn: pulumi.Resource[] = [];
    if (args.authority !== undefined) {
      // First: K3s would start with a registries.yaml that names a file that is not there.
      dependsOn.push(
        new HostFile(
          `${name}-ca`,
          {
            path: args.authority.file,
            content: args.authority.certificate,
            why: "K3s verifies the private registry's certificate with it",
            validate: "certificate",
          },
          host,
          { parent: this },
        ),
      );
    }
    const file = new HostFile(
      `${name}-yaml`,
      {
        path: PATH,
        content: password?.map((text) => render(args, text)),
        shown: render(args, "[secret]"),
        mode: "600",
        why: args.why,
        effect: `K3s pulls from https://${args.registry} as ${args.user}, certificate verified against ${args.authority?.file ?? "the public authorities"}${args.authority === undefined ? " (a registry with an authority of its own cannot be pulled from until the site file has that; other images are not affected)" : ""}; the file is replaced as a whole; K3s is restarted, its pods stay up`,
        validate: "k3s-registries",
        activate: "k3s",
        guarded: true,
      },
      host,
      { parent: this, dependsOn },
    );
    this.path = file.path;
    this.registerOutputs({ path: this.path });
  }
}

function render({ registry, user, authority }: K3sRegistriesArgs, password: string): string {
  return renderRegistriesYaml({
    host: registry,
    user,
    password,
    ...(authority === undefined ? {} : { caFile: authority.file }),
  });
}
