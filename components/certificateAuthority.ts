import "reflect-metadata";
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  webcrypto,
} from "node:crypto";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import * as x509 from "@peculiar/x509";

// A certificate is a function of what it is made from: RSASSA-PKCS1-v1_5 (RFC 8017, 8.2) draws no random numbers, and
// serial number and dates are not drawn either. So a certificate is made anew in each run and is the same one, until it
// is due for renewal, and nobody has to keep it.

/** The site's certificate authority. */
export interface Authority {
  /** Its certificate in PEM, which everybody may have. */
  readonly certificate: string;
  /** Its private key, PKCS #8 in PEM. */
  readonly key: string;
}

/** A server's certificate, and when another one takes its place. */
export interface ServerCertificate {
  /** In PEM. */
  readonly certificate: string;
  readonly validUntil: Date;
  /** From this moment on the next run makes another one. */
  readonly renewedFrom: Date;
}

const DAY = 86_400_000;

/** As K3s' own authorities: https://docs.k3s.io/cli/certificate. Replacing it means telling every client. */
const AUTHORITY_DAYS = 3650;

/** Twelve months and a bit, the most that browsers take: https://support.apple.com/102028. */
const SERVER_DAYS = 397;

/** Half of that, so that a run is missed for months before anything expires. Our choice. */
const RENEWAL_DAYS = 180;

/** NIST SP 800-57, part 1, table 2: 128 bits, as good for 2031 and beyond. */
const RSA_BITS = 3072;

const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
const P256 = { name: "ECDSA", namedCurve: "P-256" };

/**
 * A new authority for the names of a domain and nothing else: no other name, no address, and no authority below it
 * (RFC 5280, 4.2.1.9 and 4.2.1.10).
 */
export async function createAuthority(domain: string, now = new Date()): Promise<Authority> {
  const pair = generateKeyPairSync("rsa", { modulusLength: RSA_BITS });
  const key = keyText(pair.privateKey);
  const publicKey = pair.publicKey.export({ type: "spki", format: "der" });
  // From the beginning of the day: a client whose clock is behind takes it too.
  const notBefore = new Date(Math.floor(now.getTime() / DAY) * DAY);
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der(key), RSA, false, ["sign"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(publicKey, notBefore),
    subject: `CN=${domain} certificate authority`,
    issuer: `CN=${domain} certificate authority`,
    notBefore,
    notAfter: new Date(notBefore.getTime() + AUTHORITY_DAYS * DAY),
    publicKey: await webcrypto.subtle.importKey("spki", publicKey, RSA, true, ["verify"]),
    signingKey,
    signingAlgorithm: RSA,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      nameConstraints(domain),
      await x509.SubjectKeyIdentifierExtension.create(
        await webcrypto.subtle.importKey("spki", publicKey, RSA, true, ["verify"]),
      ),
    ],
  });
  return { certificate: pem(certificate), key };
}

/** An authority as one text, and back: the form in which it is kept as a secret. */
export function writeAuthority({ certificate, key }: Authority): string {
  return `${certificate}${key}`;
}

/** @throws Error when the text is not of `writeAuthority`; it says nothing of the text. */
export function readAuthority(text: string): Authority {
  const [certificate, key] = ["CERTIFICATE", "PRIVATE KEY"].map(
    (what) => new RegExp(`-----BEGIN ${what}-----[^-]+-----END ${what}-----`).exec(text)?.[0],
  );
  if (certificate === undefined || key === undefined) {
    throw new Error("secrets.siteAuthority is no certificate authority of `npm run secrets`");
  }
  return { certificate: `${certificate}\n`, key: `${key}\n` };
}

/** A new private key for a server, PKCS #8 in PEM. It outlives its certificates. */
export function createServerKey(): string {
  return keyText(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

/** A new private key for tokens, PKCS #8 in PEM: Harbor signs them with RSA and nothing else. */
export function createTokenKey(): string {
  return keyText(generateKeyPairSync("rsa", { modulusLength: RSA_BITS }).privateKey);
}

/**
 * The certificate of a server at `now`: the same one on every day until it is due for renewal.
 * @param key the server's private key.
 * @throws Error when the authority has come to its end, or begins later.
 */
export async function serverCertificate(
  authority: Authority,
  host: string,
  key: string,
  now = new Date(),
): Promise<ServerCertificate> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const age = now.getTime() - issuer.notBefore.getTime();
  if (age < 0 || now > issuer.notAfter) {
    throw new Error(
      `the site's certificate authority is valid from ${day(issuer.notBefore)} to ${day(issuer.notAfter)}: take secrets.siteAuthority out of the site file and run \`npm run secrets\`, then tell every client (\`npm run authority\`)`,
    );
  }
  const begun = Math.floor(age / (RENEWAL_DAYS * DAY)) * RENEWAL_DAYS * DAY;
  const notBefore = new Date(issuer.notBefore.getTime() + begun);
  const notAfter = new Date(Math.min(notBefore.getTime() + SERVER_DAYS * DAY, issuer.notAfter.getTime()));
  const publicKey = createPublicKey(createPrivateKey(key)).export({ type: "spki", format: "der" });
  const publicCryptoKey = await webcrypto.subtle.importKey("spki", publicKey, P256, true, ["verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(publicKey, notBefore, host),
    subject: `CN=${host}`,
    issuer: issuer.subject,
    notBefore,
    notAfter,
    publicKey: publicCryptoKey,
    signingKey: await webcrypto.subtle.importKey("pkcs8", der(authority.key), RSA, false, ["sign"]),
    signingAlgorithm: RSA,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: host }]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicCryptoKey),
    ],
  });
  return {
    certificate: pem(certificate),
    validUntil: notAfter,
    renewedFrom: new Date(notBefore.getTime() + RENEWAL_DAYS * DAY),
  };
}

/** Only names of the domain, and no address: what a constraint does not speak of, it allows. */
function nameConstraints(domain: string): x509.Extension {
  const subtree = (base: ConstructorParameters<typeof GeneralName>[0]): GeneralSubtree =>
    new GeneralSubtree({ base: new GeneralName(base) });
  const constraints = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees([subtree({ dNSName: domain })]),
    excludedSubtrees: new GeneralSubtrees(["0.0.0.0/0", "::/0"].map((iPAddress) => subtree({ iPAddress }))),
  });
  return new x509.Extension(id_ce_nameConstraints, true, AsnConvert.serialize(constraints));
}

/** Another one for every other certificate of an authority, in hexadecimal: at most 20 bytes, above zero (RFC 5280, 4.1.2.2). */
function serialNumber(publicKey: Buffer, notBefore: Date, host = ""): string {
  const digest = createHash("sha256").update(publicKey).update(notBefore.toISOString()).update(host).digest("hex");
  return `40${digest.slice(0, 30)}`;
}

function keyText(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** What is between the lines of a PEM. */
function der(text: string): Buffer {
  return Buffer.from(text.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}
