import { stringify } from "yaml";

/** A registry that K3s pulls from. */
export interface RegistryAccess {
  /** Host name, with `:port` where it is not 443. */
  host: string;
  /** Account that may pull. */
  user: string;
  password: string;
  /** File on the host with the certificate authority of the registry; none: only publicly trusted certificates. */
  caFile?: string;
}

/**
 * `/etc/rancher/k3s/registries.yaml`: TLS always, verified always. The seeds' version skipped the verification and had
 * Harbor's published default password in clear.
 */
export function renderRegistriesYaml(registry: RegistryAccess): string {
  return stringify({
    mirrors: { [registry.host]: { endpoint: [`https://${registry.host}`] } },
    configs: {
      [registry.host]: {
        auth: { username: registry.user, password: registry.password },
        ...(registry.caFile === undefined ? {} : { tls: { ca_file: registry.caFile } }),
      },
    },
  });
}
