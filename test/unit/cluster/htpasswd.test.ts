import bcrypt from "bcryptjs";
import { expect, test } from "vitest";
import { htpasswdLine } from "../../../components/cluster/htpasswd.ts";

test("a line lets in who has the password, and nobody else", () => {
  const [user, hash = ""] = htpasswdLine("robot$k3s", "a-password").split(":");
  expect(user).toBe("robot$k3s");
  expect(hash).toMatch(/^\$2y\$10\$[./A-Za-z0-9]{53}$/);
  expect(bcrypt.compareSync("a-password", hash)).toBe(true);
  expect(bcrypt.compareSync("another", hash)).toBe(false);
});

test("a line is the same in each run, and another one for another user or password", () => {
  const line = htpasswdLine("ci", "a-password");
  expect(htpasswdLine("ci", "a-password")).toBe(line);
  expect(htpasswdLine("k3s", "a-password").split(":")[1]).not.toBe(line.split(":")[1]);
  expect(htpasswdLine("ci", "b-password")).not.toBe(line);
});
