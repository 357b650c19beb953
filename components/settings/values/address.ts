import { normalizeCidr, parseCidr } from "cidr-tools";
import ipaddr from "ipaddr.js";

import { type Notation, Refusal } from "./notation.ts";

/** Addresses from `first` to `last`, both included. */
export interface IpRange {
  readonly first: string;
  readonly last: string;
  /** `192.168.0.100-192.168.0.110`. */
  readonly text: string;
}

/** An IPv4 address in four parts, or an IPv6 address. */
export const ipAddress: Notation<string> = {
  what: "an IP address",
  examples: ["192.168.0.30"],
  pattern: String.raw`[0-9a-fA-F.:]+`,
  read: (text) => {
    if (!isAddress(text)) throw new Refusal("is not an IP address; write it like `192.168.0.30`");
    return text;
  },
};

/** A network in CIDR notation, written with its own address: `192.168.0.0/24`. */
export const cidr: Notation<string> = {
  what: "a network in CIDR notation",
  examples: ["192.168.0.0/24"],
  pattern: String.raw`[0-9a-fA-F.:]+/\d{1,3}`,
  read: (text) => {
    const [address = "", prefix = "", ...rest] = text.split("/");
    if (rest.length > 0 || !isAddress(address) || !/^\d{1,3}$/.test(prefix) || !ipaddr.isValidCIDR(text)) {
      throw new Refusal("is not a network in CIDR notation; write it like `192.168.0.0/24`");
    }
    const network = normalizeCidr(text);
    if (network !== text) throw new Refusal(`is an address inside a network; the network is \`${network}\``);
    return text;
  },
};

/** An address range, first to last: `192.168.0.100-192.168.0.110`. */
export const ipRange: Notation<IpRange> = {
  what: "a range of IP addresses",
  examples: ["192.168.0.100-192.168.0.110"],
  pattern: String.raw` *[0-9a-fA-F.:]+ *- *[0-9a-fA-F.:]+ *`,
  read: (text) => {
    const [first = "", last = "", ...rest] = text.split("-").map((part) => part.replaceAll(" ", ""));
    if (rest.length > 0 || !isAddress(first) || !isAddress(last)) {
      throw new Refusal(rangeHint(text.trim()));
    }
    const [from, to] = [parseCidr(first), parseCidr(last)];
    if (from.version !== to.version) throw new Refusal("mixes an IPv4 and an IPv6 address");
    if (from.start > to.start) throw new Refusal(`runs backwards; write \`${last}-${first}\``);
    return { first, last, text: `${first}-${last}` };
  },
};

function rangeHint(text: string): string {
  if (isAddress(text)) return `is one address; write it as first and last, like \`${text}-${text}\``;
  if (ipaddr.isValidCIDR(text)) {
    return "is a network; write its first and last address, like `192.168.0.100-192.168.0.110`";
  }
  return "is not a range of IP addresses; write it like `192.168.0.100-192.168.0.110`";
}

/** Whether two of: address, network, range have an address in common. */
export function overlap(one: string | IpRange, other: string | IpRange): boolean {
  const [a, b] = [interval(one), interval(other)];
  return a.version === b.version && a.start <= b.end && b.start <= a.end;
}

/** Whether the whole of `inner` lies in `outer`. */
export function contains(outer: string | IpRange, inner: string | IpRange): boolean {
  const [a, b] = [interval(outer), interval(inner)];
  return a.version === b.version && a.start <= b.start && b.end <= a.end;
}

function interval(of: string | IpRange): { version: number; start: bigint; end: bigint } {
  if (typeof of === "string") return parseCidr(of);
  const first = parseCidr(of.first);
  return { version: first.version, start: first.start, end: parseCidr(of.last).end };
}

function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || (text.includes(":") && ipaddr.IPv6.isValid(text));
}
