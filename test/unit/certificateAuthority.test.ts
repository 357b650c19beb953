import { execFileSync } from "node:child_process";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createAuthority,
  createServerKey,
  createTokenKey,
  readAuthority,
  serverCertificate,
  writeAuthority,
  type Authority,
} from "../../components/certificateAuthority.ts";

const MADE = new Date("2026-11-27T10:00:00Z");
const HOST = "harbor.twisterlab.local";
const after = (days: number) => new Date(MADE.getTime() + days * 86_400_000);

let folder: string;
let authority: Authority;
let key: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-authority-"));
  authority = await createAuthority("twisterlab.local", MADE);
  key = createServerKey();
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const issued = async (host = HOST, now = MADE) => (await serverCertificate(authority, host, key, now)).certificate;

/** What OpenSSL, which knows nothing of us, says of a certificate at `now`. */
function verify(certificate: string, now = MADE, chain = authority.certificate): string {
  const [ca, leaf, untrusted] = ["ca", "leaf", "chain"].map((name) => join(folder, `${name}.pem`)) as [
    string,
    string,
    string,
  ];
  writeFileSync(ca, authority.certificate);
  writeFileSync(leaf, certificate);
  writeFileSync(untrusted, chain);
  const words = [
    "verify",
    "-x509_strict",
    "-purpose",
    "sslserver",
    "-attime",
    String(Math.floor(now.getTime() / 1000)),
  ];
  try {
    return execFileSync("openssl", [...words, "-CAfile", ca, "-untrusted", untrusted, leaf], {
      encoding: "utf8",
      stdio: "pipe",
    });
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

describe("the site's authority", () => {
  test("has a key of its own, and is valid for ten years", async () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.validFromDate.toISOString()).toBe("2026-11-27T00:00:00.000Z");
    expect(certificate.validToDate.toISOString()).toBe("2036-11-24T00:00:00.000Z");
    expect((await createAuthority("twisterlab.local", MADE)).key).not.toBe(authority.key);
  });

  test("is read back as it was written, also without its last end of line", () => {
    expect(readAuthority(writeAuthority(authority))).toEqual(authority);
    expect(readAuthority(writeAuthority(authority).trimEnd())).toEqual(authority);
  });

  test("that is damaged is not repeated", () => {
    expect(() => readAuthority(`${authority.key}not-a-certificate`)).toThrow(
      /^secrets\.siteAuthority is no certificate authority of `npm run secrets`$/,
    );
  });

  test("answers for the names of its domain and nothing else", async () => {
    expect(verify(await issued())).toContain("OK");
    expect(verify(await issued("twisterlab.local"))).toContain("OK");
    expect(verify(await issued("harbor.example.org"))).toContain("permitted subtree violation");
    expect(verify(await issued("eviltwisterlab.local"))).toContain("permitted subtree violation");
  });

  test("signs no other authority", async () => {
    const below = await createAuthority("twisterlab.local", MADE);
    writeFileSync(join(folder, "below.key"), below.key);
    writeFileSync(join(folder, "ca.key"), authority.key);
    writeFileSync(join(folder, "ca.pem"), authority.certificate);
    const openssl = (words: string[]) =>
      execFileSync("openssl", words, { cwd: folder, encoding: "utf8", stdio: "pipe" });
    openssl(["req", "-new", "-key", "below.key", "-subj", "/CN=below", "-out", "below.csr"]);
    writeFileSync(join(folder, "extensions"), "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n");
    const signing = ["x509", "-req", "-in", "below.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "30"];
    const intermediate = openssl([...signing, "-extfile", "extensions"]);
    const forged = await serverCertificate({ certificate: intermediate, key: below.key }, HOST, key, new Date());
    expect(verify(forged.certificate, new Date(), intermediate)).toMatch(/path length constraint exceeded/i);
  });
});

describe("a server's certificate", () => {
  test("is the same one in each run, until it is due", async () => {
    const first = await serverCertificate(authority, HOST, key, MADE);
    expect(await serverCertificate(authority, HOST, key, after(100))).toEqual(first);
    expect(first.renewedFrom.toISOString()).toBe("2027-05-26T00:00:00.000Z");
    expect(first.validUntil.toISOString()).toBe("2027-12-29T00:00:00.000Z");
    const next = await serverCertificate(authority, HOST, key, first.renewedFrom);
    expect(next.certificate).not.toBe(first.certificate);
    expect(verify(first.certificate, first.renewedFrom)).toContain("OK");
    expect(verify(next.certificate, first.renewedFrom)).toContain("OK");
    expect(new X509Certificate(next.certificate).serialNumber).not.toBe(
      new X509Certificate(first.certificate).serialNumber,
    );
  });

  test("has its name, its key and its use", async () => {
    const certificate = new X509Certificate(await issued());
    expect(certificate.subjectAltName).toBe(`DNS:${HOST}`);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(certificate.ca).toBe(false);
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
  });

  test("never outlives the authority, and is refused after its end or before its beginning", async () => {
    const { validUntil } = await serverCertificate(authority, HOST, key, after(3600));
    expect(validUntil).toEqual(new X509Certificate(authority.certificate).validToDate);
    await expect(issued(HOST, after(3651))).rejects.toThrow(/valid from 2026-11-27 to 2036-11-24.*npm run authority/);
    await expect(issued(HOST, after(-1))).rejects.toThrow("valid from 2026-11-27");
  });

  test("expires", async () => {
    expect(verify(await issued(), after(400))).toContain("certificate has expired");
  });
});

test("a key for tokens is one of RSA, as Harbor reads it", () => {
  expect(createTokenKey()).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
});
