import { format } from "node:util";
import { describe, expect, test } from "vitest";
import { Secret } from "../../../components/settings/values/secret.ts";

const text = "correct-horse";

describe("a secret", () => {
  test.each([
    ["a template", (secret: Secret) => `${secret.toString()} ${String(secret)}`],
    ["a message", (secret: Secret) => new Error(`bad password ${String(secret)}`).message],
    ["JSON, however deep", (secret: Secret) => JSON.stringify({ registry: [{ secret }] })],
    ["the console", (secret: Secret) => format("%s %o %O %j", secret, secret, secret, { secret })],
    ["its keys and values", (secret: Secret) => JSON.stringify([Object.entries(secret), Object.assign({}, secret)])],
    ["a copy", (secret: Secret) => format(structuredClone(Object.assign({}, secret)))],
  ])("shows nothing in %s", (_, show) => {
    expect(show(new Secret(text))).not.toContain(text);
  });

  test("says that it is one", () => {
    expect(String(new Secret(text))).toBe("[secret]");
    expect(JSON.stringify({ password: new Secret(text) })).toBe('{"password":"[secret]"}');
  });

  test("is given to who asks for it by name", () => {
    expect(new Secret(text).reveal()).toBe(text);
  });

  test("stays one in what is made of it", () => {
    const line = new Secret(text).map((password) => `password: ${password}\n`);
    expect(line.reveal()).toBe(`password: ${text}\n`);
    expect(JSON.stringify(line)).toBe('"[secret]"');
  });
});
