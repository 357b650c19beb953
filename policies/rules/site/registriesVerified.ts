import { parse } from "yaml";
import { Field, Undecided } from "../../support/field.ts";
import { declaredFile } from "../../support/site/hostItem.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** What stands for a secret in a content that a review may see. */
const SHOWN = "[secret]";

/** K3s verifies the registries that it pulls from, and no password is in clear. */
export const registriesVerified: SiteRule = {
  name: "registries-verified",
  audience: "site",
  level: "mandatory",
  reason: "images, and the password for them, go over the network in clear or to whoever answers.",
  source: "CIS Docker 2.5; for K3s no public linter has it; the seeds: insecure_skip_verify and Harbor12345 in clear",
  fix: "use https, give the authority by `ca_file`, and hand the password over as a secret.",
  example: {
    refused: "tls: { insecure_skip_verify: true }",
    accepted: "tls: { ca_file: /etc/rancher/k3s/registry-ca.crt }",
  },
  *check(resource) {
    const file = declaredFile(resource, "/etc/rancher/k3s/registries.yaml");
    if (file === undefined) return;
    const registries = readYaml(file.content);
    for (const [name, mirror] of registries.at("mirrors").entries()) {
      if (name === "*") yield { what: "mirrors has `*`: every image comes from there" };
      for (const endpoint of mirror.at("endpoint").list()) {
        if (!/^https:/i.test(endpoint.text() ?? "")) yield { what: `${endpoint.path} is not https` };
      }
    }
    for (const [name, config] of registries.at("configs").entries()) {
      if (/^http:/i.test(name)) yield { what: `configs has ${name}, which is not https` };
      if (
        config.at("tls", "insecure_skip_verify").value !== undefined &&
        config.at("tls", "insecure_skip_verify").flag() !== false
      ) {
        yield { what: `${config.path} does not verify the certificate` };
      }
      for (const secret of ["password", "auth", "identity_token"].map((key) => config.at("auth", key))) {
        if (!secret.isAbsent && secret.value !== SHOWN) yield { what: `${secret.path} stands there in clear` };
      }
    }
  },
};

function readYaml(content: string): Field {
  try {
    return new Field(parse(content));
  } catch {
    throw new Undecided("content", "is not YAML");
  }
}
