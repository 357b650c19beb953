import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { secretInput } from "../secretInput.ts";
import { Secret } from "../settings/values/secret.ts";
import { MANAGED_BY } from "./labels.ts";

/** What a registry proves itself by, and who may use it; what is undefined waits for `npm run secrets`. */
export interface RegistryAccess {
  /** Host name that clients know it by. */
  host: string;
  /** Its certificate of today, in PEM. */
  certificate: string | undefined;
  /** The key that goes with it. */
  key: Secret | undefined;
  /** Key that it signs the state of an upload with. */
  httpSecret: Secret | undefined;
}

/** The IngressClass of the Traefik that K3s brings along: it answers on the machine's ports 80 and 443. */
export const INGRESS_CLASS = "traefik";

/** Only by https: Traefik would serve it on port 80 as well. */
export const ONLY_HTTPS = { "traefik.ingress.kubernetes.io/router.entrypoints": "websecure" };

/** Seconds for which a registry is given time to start, its images fetched and its database made: a spinning disk. Our choice. */
export const STARTUP = 1200;

/** The Secret that the ingress serves a registry's certificate from. */
export function certificateSecret(
  name: string,
  namespace: string,
  { certificate, key }: RegistryAccess,
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.Secret {
  return new kubernetes.core.v1.Secret(
    `${name}-tls`,
    {
      metadata: { name: `${name}-tls`, namespace, labels: MANAGED_BY },
      type: "kubernetes.io/tls",
      stringData: {
        "tls.crt": secretInput(certificate === undefined ? undefined : new Secret(certificate)),
        "tls.key": secretInput(key),
      },
    },
    opts,
  );
}

/** A Secret of texts. */
export function textSecret(
  name: string,
  namespace: string,
  texts: Readonly<Record<string, Secret | undefined>>,
  opts: pulumi.CustomResourceOptions,
): kubernetes.core.v1.Secret {
  const entries = Object.entries(texts).map(([key, text]) => [key, secretInput(text)] as const);
  return new kubernetes.core.v1.Secret(
    name,
    { metadata: { name, namespace, labels: MANAGED_BY }, stringData: Object.fromEntries(entries) },
    opts,
  );
}
