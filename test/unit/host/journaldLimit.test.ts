import { describe, expect, test } from "vitest";
import { parseFacts, type ConfigFile, type HostFacts } from "../../../components/host/facts.ts";
import { planJournaldLimit } from "../../../components/host/journaldLimit.ts";
import { journaldAssignments, renderJournald } from "../../../components/host/render/journald.ts";
import { blind, fileFact, seen } from "../../support/observed.ts";

const MIB = 2 ** 20;
const DAY = 86_400;
const PATH = "/etc/systemd/journald.conf.d/zz-twisterlab-edge.conf";
const content = renderJournald({ maxUse: 500 * MIB, retention: 3 * DAY });

describe("the drop-in", () => {
  test("has the limits of the site file, exactly", () => {
    expect(content).toMatchInlineSnapshot(`
      "# Written by twisterlab-edge; change it there.
      [Journal]
      SystemMaxUse=500M
      MaxRetentionSec=3day
      # Only whole files are deleted, and by their oldest entry: one that spanned a month, as by default, would take the entries
      # of today with it.
      MaxFileSec=1day
      "
    `);
  });

  test.each([
    [2 * 1024 * MIB, 14 * DAY, ["SystemMaxUse=2G", "MaxRetentionSec=14day", "MaxFileSec=403200s"]],
    [500_000_000, 36 * 3600, ["SystemMaxUse=500000000", "MaxRetentionSec=129600s", "MaxFileSec=43200s"]],
  ])("of %d bytes and %d seconds", (maxUse, retention, lines) => {
    expect(renderJournald({ maxUse, retention }).split("\n")).toEqual(expect.arrayContaining(lines));
  });
});

test("only the section [Journal] sets something, in whatever layout", () => {
  const text = "Storage=none\n[Other]\nSystemMaxUse=1G\n[Journal]\n#SystemMaxUse=2G\n  SystemMaxUse = 3G \nStorage=\n";
  expect(journaldAssignments([{ path: "/etc/x.conf", content: text }])).toEqual([
    { file: "/etc/x.conf", key: "SystemMaxUse", value: "3G" },
    { file: "/etc/x.conf", key: "Storage", value: "" },
  ]);
});

describe("the plan", () => {
  const main: ConfigFile = { path: "/etc/systemd/journald.conf", content: "[Journal]\n#SystemMaxUse=\n" };
  const ours: ConfigFile = { path: PATH, content };
  const sets = (name: string, value: string): ConfigFile => ({
    path: `/etc/systemd/journald.conf.d/${name}`,
    content: `[Journal]\n${value}\n`,
  });
  const host = (journaldConfig: ConfigFile[], more: Partial<HostFacts> = {}) =>
    seen({
      files: { [PATH]: journaldConfig.includes(ours) ? fileFact(content) : null },
      journaldConfig,
      journalBytes: 4 * 1024 * MIB,
      ...more,
    });
  const plan = (...observed: Parameters<typeof host>) => planJournaldLimit(content, host(...observed));

  test("on a fresh host says what counts today, and what the journal takes", () => {
    const { state, sentence, notes } = plan([main]);
    expect(state).toBe("differs");
    expect(sentence).toBe(
      "the journal has SystemMaxUse as by default, MaxRetentionSec as by default, MaxFileSec as by default, and takes 4 GiB; " +
        `wanted SystemMaxUse=500M, MaxRetentionSec=3day, MaxFileSec=1day; ${PATH} is not there yet; ` +
        "journald is restarted, and deletes for good what is above",
    );
    expect(notes).toEqual([]);
  });

  test("names the file that set it until now, and notes that ours will count", () => {
    const { sentence, notes } = plan([main, sets("size-limit.conf", "SystemMaxUse=1G")]);
    expect(sentence).toContain("SystemMaxUse=1G by /etc/systemd/journald.conf.d/size-limit.conf");
    expect(notes).toEqual([
      "/etc/systemd/journald.conf.d/size-limit.conf sets SystemMaxUse=1G too; ours comes later and counts",
    ]);
  });

  test("is in sync when ours counts, whoever else has tried", () => {
    const { state, sentence, notes } = plan([main, sets("50-x.conf", "SystemMaxUse=1G"), ours]);
    expect(state).toBe("in sync");
    expect(sentence).toBe("the journal has SystemMaxUse=500M, MaxRetentionSec=3day, MaxFileSec=1day, and takes 4 GiB");
    expect(notes).toHaveLength(1);
  });

  test("is not in sync, whatever our file says, when a later one says otherwise", () => {
    const { state, sentence, observed } = plan([main, ours, sets("zzz.conf", "SystemMaxUse=4G")]);
    expect(state).toBe("differs");
    expect(sentence).toContain("up will refuse, because journald reads after ours what differs");
    expect(observed).toBe("/etc/systemd/journald.conf.d/zzz.conf sets SystemMaxUse=4G");
  });

  test("says so also before ours is there", () => {
    expect(plan([main, sets("zzz.conf", "MaxRetentionSec=1week")]).sentence).toContain("up will refuse");
  });

  test.each([
    ["that repeats ours", sets("zzz.conf", "SystemMaxUse=500M")],
    ["that sets something else", sets("zzz.conf", "Storage=persistent")],
  ])("is in sync with a later file %s", (_, later) => {
    expect(plan([main, ours, later]).state).toBe("in sync");
  });

  test.each([
    ["blind", blind],
    ["where systemd could not be asked", seen({ files: { [PATH]: null } })],
    ["where the file was not looked at", seen({ journaldConfig: [main] })],
  ])("is not measured %s", (_, observation) => {
    const { state, sentence } = planJournaldLimit(content, observation);
    expect(state).toBe("not measured");
    expect(sentence).toContain("the journal is limited by");
  });

  test("says nothing of a size that is not known", () => {
    expect(planJournaldLimit(content, host([main, ours], { journalBytes: undefined })).sentence).not.toContain("takes");
  });
});

test("the files that journald reads are told apart, also where a comment looks like a heading", () => {
  const text = [
    "== journald-config",
    "# /etc/systemd/journald.conf",
    "# /usr/ is said to come first",
    "[Journal]",
    "",
    "# /run/systemd/journald.conf.d/a.conf",
    "[Journal]",
    "SystemMaxUse=1G",
    "== journal-bytes",
    "8400896\t/var/log/journal",
    "== end\n",
  ].join("\n");
  const { journaldConfig, journalBytes } = parseFacts(text, "00");
  expect(journaldConfig?.map(({ path }) => path)).toEqual([
    "/etc/systemd/journald.conf",
    "/run/systemd/journald.conf.d/a.conf",
  ]);
  expect(journaldAssignments(journaldConfig ?? [])).toHaveLength(1);
  expect(journalBytes).toBe(8_400_896);
});
