import { daemonJson } from "../../support/site/hostItem.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Docker verifies the registries that it talks to. */
export const dockerRegistriesSecure: SiteRule = {
  name: "docker-registries-secure",
  audience: "site",
  level: "mandatory",
  reason: "images, and the password for them, go over the network in clear and can be exchanged on the way.",
  source: "CIS Docker 2.5",
  fix: "give the registry a certificate, and take it out of `insecure-registries`.",
  example: { refused: "insecure-registries: [192.168.0.30:8090]", accepted: "no insecure-registries" },
  *check(resource) {
    const daemon = daemonJson(resource);
    if (daemon === undefined) return;
    for (const registry of daemon.at("insecure-registries").list()) {
      yield { what: `${registry.path} is ${String(registry.value)}` };
    }
    for (const mirror of daemon.at("registry-mirrors").list()) {
      if (/^http:/i.test(mirror.text() ?? "")) yield { what: `${mirror.path} is ${String(mirror.value)}` };
    }
  },
};
