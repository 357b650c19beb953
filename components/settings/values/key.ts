import { X509Certificate } from "node:crypto";

import { type Notation, Refusal } from "./notation.ts";

const keyTypes = ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];

/** The public key an SSH server proves itself by: type and key as in known_hosts, without the host's name. */
export const sshHostKey: Notation<string> = {
  what: "an SSH host key",
  examples: ["ssh-ed25519 AAAAC3Nza..."],
  pattern: String.raw`\s*(${keyTypes.join("|")})\s+[A-Za-z0-9+/]+={0,2}([ \t].*)?\s*`,
  read: (text) => {
    const [, type = "", key] = text.trim().split(/\s+/);
    if (keyTypes.includes(type) && key !== undefined) {
      throw new Refusal(`begins with the host's name; leave it out and begin with \`${type}\``);
    }
    return readPublicKey(text);
  },
};

/** The public half of a key that somebody logs in with, as `ssh-keygen` writes it into a `.pub` file. */
export const sshPublicKey: Notation<string> = {
  ...sshHostKey,
  what: "an SSH public key",
  read: readPublicKey,
};

/** Type and key; the comment is dropped. */
function readPublicKey(text: string): string {
  const [type = "", blob = ""] = text.trim().split(/\s+/);
  if (text.includes("PRIVATE KEY")) throw new Refusal("is a private key; it belongs in a file that nobody else reads");
  if (text.trim().includes("\n")) throw new Refusal("has several lines; choose one key");
  if (!keyTypes.includes(type)) throw new Refusal(`does not begin with a key type; allowed are ${keyTypes.join(", ")}`);
  if (innerType(blob) !== type)
    throw new Refusal(`is damaged: the key is not one of type ${type}; copy the whole line again`);
  return `${type} ${blob}`;
}

/** A certificate authority's certificates in PEM, one after another. */
export const caCertificate: Notation<string> = {
  what: "a certificate authority in PEM",
  examples: ["-----BEGIN CERTIFICATE-----..."],
  // Editors see the text of a YAML block; `[\s\S]` takes its line ends.
  pattern: String.raw`\s*-----BEGIN CERTIFICATE-----[\s\S]*-----END CERTIFICATE-----\s*`,
  read: (text) => {
    if (text.includes("PRIVATE KEY")) throw new Refusal("has a private key in it; only the certificate belongs here");
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
    if (
      blocks === null ||
      text.replaceAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g, "").trim() !== ""
    ) {
      throw new Refusal("is not a certificate in PEM; it begins with `-----BEGIN CERTIFICATE-----`");
    }
    for (const block of blocks) {
      if (!certificate(block).ca)
        throw new Refusal("is a server's certificate; give that of the authority which signed it");
    }
    return `${blocks.join("\n")}\n`;
  },
};

function certificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    throw new Refusal("is a damaged certificate; copy the file again");
  }
}

/** The type that the key itself carries: a length of four bytes, then the name (RFC 4253, section 6.6). */
function innerType(blob: string): string | undefined {
  const bytes = Buffer.from(blob, "base64");
  if (bytes.length < 4 || bytes.toString("base64") !== blob) return undefined;
  const length = bytes.readUInt32BE(0);
  // Type and nothing else is a key cut short.
  return bytes.length > 4 + length ? bytes.toString("ascii", 4, 4 + length) : undefined;
}
