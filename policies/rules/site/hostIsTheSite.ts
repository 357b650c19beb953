import { isRemote } from "../../support/resource.ts";
import type { SiteRule } from "../../support/site/rule.ts";

/** Commands go to the machine of the site file. */
export const hostIsTheSite: SiteRule = {
  name: "host-is-the-site",
  audience: "site",
  level: "mandatory",
  reason: "a change that was reviewed for one machine would be made on another.",
  source: "our own",
  fix: "write the address of the site file, `host.address`.",
  example: { refused: "connection: { host: 192.168.0.31 }", accepted: "connection: { host: 192.168.0.30 }" },
  *check(resource, { site: { host } }) {
    if (!isRemote(resource)) return;
    const connection = resource.inputs.at("connection");
    const address = connection.isUnknown ? connection : connection.at("host");
    if (address.isUnknown) yield { what: `${address.path} is not known yet`, pending: true };
    else if (address.text() !== host.address)
      yield { what: `${address.path} is ${address.text() ?? "not set"}, not ${host.address}` };
  },
};
