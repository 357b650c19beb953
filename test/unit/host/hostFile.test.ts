import { describe, expect, test } from "vitest";
import { compareFile, planHostFile, type WantedFile } from "../../../components/host/hostFile.ts";
import { Secret } from "../../../components/settings/values/secret.ts";
import { blind, closedFileFact, fileFact, seen } from "../../support/observed.ts";

const path = "/etc/systemd/journald.conf.d/50-twisterlab-edge.conf";
const wanted: WantedFile = { path, content: "[Journal]\nSystemMaxUse=1G\n" };
const there = (fact: ReturnType<typeof fileFact> | null) => seen({ files: { [path]: fact } });

describe("a file is in sync", () => {
  test("with the same bytes, mode and owner", () => {
    expect(planHostFile(wanted, there(fileFact("[Journal]\nSystemMaxUse=1G\n")))).toEqual({
      state: "in sync",
      sentence: `${path} is as wanted`,
      wanted: `${path} as the site file has it`,
      observed: "as wanted",
    });
  });

  test("when what it holds is not shown, by its hash", () => {
    const secret = { ...wanted, content: new Secret("password: p\n"), mode: "600" };
    expect(compareFile(secret, there(closedFileFact("password: p\n"))).state).toBe("in sync");
  });
});

describe("a file differs", () => {
  const differences = (fact: ReturnType<typeof fileFact> | null, file = wanted) => {
    const { state, sentence, observed } = planHostFile(file, there(fact), "journald is restarted");
    expect(state).toBe("differs");
    expect(sentence).toBe(`${path} ${observed}; journald is restarted`);
    return observed;
  };

  test("when it is absent", () => {
    expect(differences(null)).toBe("is not there yet");
  });

  test("in its lines, which are shown with both values", () => {
    expect(differences(fileFact("[Journal]\nSystemMaxUse=4G\n"))).toBe(
      'has other lines: -"SystemMaxUse=4G" +"SystemMaxUse=1G"',
    );
  });

  test("in a blank that nobody would see", () => {
    expect(differences(fileFact("[Journal]\nSystemMaxUse=1G \n"))).toContain('-"SystemMaxUse=1G " +"SystemMaxUse=1G"');
  });

  test("in the newline at its end", () => {
    expect(differences(fileFact("[Journal]\nSystemMaxUse=1G"))).toContain("has other lines: ");
  });

  test("in more lines than a page has room for: the rest is counted", () => {
    const many = Array.from({ length: 30 }, (_, index) => `line ${index}\n`).join("");
    const shown = differences(fileFact(many));
    expect(shown).toMatch(/ and 20 more$/);
    expect(shown.match(/[-+]"/g)).toHaveLength(12);
  });

  test("in mode and owner, with both values", () => {
    const fact = fileFact("[Journal]\nSystemMaxUse=1G\n", { mode: "666", owner: "twister:twister" });
    expect(differences(fact)).toBe("has mode 666, wanted 644; belongs to twister:twister, wanted root:root");
    expect(compareFile({ ...wanted, mode: "666", owner: "twister:twister" }, there(fact)).state).toBe("in sync");
  });

  test("in several ways, and all are said", () => {
    expect(differences(fileFact("", { mode: "600" }))).toMatch(/^has other lines: .*; has mode 600, wanted 644$/);
  });

  test("when it is no regular file", () => {
    expect(differences({ mode: "-", owner: "-", keyedHash: "not a regular file" })).toContain("[secret]");
  });

  test("and is secret: nothing of it is shown, of neither version", () => {
    const secret = { ...wanted, content: new Secret("password: new\n"), mode: "600" };
    expect(differences(closedFileFact("password: old\n"), secret)).toBe("has another content ([secret])");
    // Also when the host showed what it has.
    const plan = planHostFile(secret, there(fileFact("password: old\n", { mode: "600" })));
    expect(plan.observed).toBe("has another content ([secret])");
    expect(JSON.stringify(plan)).not.toMatch(/old|new/);
  });
});

test.each([
  ["a host that was not read", wanted, blind],
  ["a path that was not looked at", wanted, seen({ files: { "/etc/fstab": fileFact("") } })],
  ["a content that nobody knows yet", { ...wanted, content: undefined }, there(fileFact("x"))],
])("a file is not measured on %s", (_, file, observation) => {
  expect(planHostFile(file, observation, "journald is restarted")).toEqual({
    state: "not measured",
    sentence: `${path} is written; journald is restarted`,
    wanted: `${path} as the site file has it`,
    observed: "not read",
  });
});
