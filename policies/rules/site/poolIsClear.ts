import { isKnown } from "../../../components/settings/schema/build.ts";
import { cidr, contains, ipRange, overlap } from "../../../components/settings/values/address.ts";
import { Refusal } from "../../../components/settings/values/notation.ts";
import { Undecided, type Field } from "../../support/field.ts";
import { isKind } from "../../support/resource.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** MetalLB gives out addresses that nothing else has. */
export const poolIsClear: SiteRule = {
  name: "pool-is-clear",
  audience: "site",
  level: "mandatory",
  reason: "two machines with one address cut each other off, the node among them.",
  source: "MetalLB had it and took it back (#2585, #2780); here the site file has the facts",
  fix: "choose addresses of the local network that nothing else has: not the node, the router, DHCP, pods or services.",
  example: { refused: "addresses: [192.168.0.0/24]", accepted: "addresses: [192.168.0.100-192.168.0.110]" },
  *check(resource, { site: { host, network } }) {
    if (!isKind(resource, "IPAddressPool")) return;
    const addresses = resource.inputs.at("spec", "addresses");
    if (addresses.list().length === 0) yield { what: `${addresses.path} has none` };
    const taken = {
      "the node, `host.address`": host.address,
      "the router, `network.gateway`": network.gateway,
      "`network.dhcpRange`": network.dhcpRange,
      "`network.podCidr`": network.podCidr,
      "`network.serviceCidr`": network.serviceCidr,
    };
    for (const field of addresses.list()) {
      const pool = readPool(field);
      if (!contains(network.cidr, pool)) yield { what: `${field.path} leaves the local network, ${network.cidr}` };
      for (const [what, where] of Object.entries(taken)) {
        if (!isKnown(where))
          yield { what: `${field.path} cannot be held against ${what}, which is unknown`, pending: true };
        else if (overlap(pool, where)) yield { what: `${field.path} takes the address of ${what}` };
      }
    }
  },
};

function readPool(field: Field): ReturnType<typeof ipRange.read> | string {
  const text = field.text() ?? "";
  try {
    return text.includes("-") ? ipRange.read(text) : cidr.read(text);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    throw new Undecided(field.path, `${error.message} (${JSON.stringify(text)})`);
  }
}
