import { expect, test } from "vitest";
import { BackupLog, type BackupLogArgs } from "../../../components/host/backupLog.ts";
import { parseStanzas } from "../../../components/host/render/logrotate.ts";
import { declareItems } from "../../support/hostItems.ts";

const declare = (more: Partial<BackupLogArgs> = {}) =>
  declareItems((host) => {
    const args = { path: "/data/backups", kinds: ["postgres", "k3s"], maxAge: 93_600, drilled: ["postgres"] };
    new BackupLog("backup-log", { ...args, maxDrillAge: 691_200, why: "nobody looked", ...more }, host);
  });

test("the verb runs each quarter of an hour, and is told what there should be", async () => {
  const { resource, items } = await declare();
  expect(resource("backup-log-service-apply")?.inputs["stdin"]).toContain(
    "StandardInputText=path: /data/backups\\nkinds: postgres k3s\\nmax_age: 93600\\ndrilled: postgres\\nmax_drill_age: 691200\\n\n",
  );
  expect(resource("backup-log-timer-apply")?.inputs["stdin"]).toContain("\nOnCalendar=*:0/15\n");
  expect(items.map(({ name }) => name)).toEqual(["backup-log-service", "backup-log-timer", "backup-log-rotation"]);
  expect(items[1]?.sentence).toContain(
    "postgres, k3s without a backup for 26 h, or postgres without a drill for 192 h",
  );
});

test("without drills nothing is said of them", async () => {
  const { resource, items } = await declare({ drilled: [] });
  expect(resource("backup-log-service-apply")?.inputs["stdin"]).toContain("max_age: 93600\\n\n");
  expect(items[1]?.sentence).toMatch(/without a backup for 26 h$/);
});

test("a copy that is late is told of where there is to be one", async () => {
  const { resource, items } = await declare({ maxCopyAge: 93_600 });
  expect(resource("backup-log-service-apply")?.inputs["stdin"]).toContain(
    "max_drill_age: 691200\\ncopy_max_age: 93600\\n\n",
  );
  expect(items[1]?.sentence).toMatch(/without a drill for 192 h, or of no good copy for 26 h$/);
});

test("the log is rotated by a stanza of its own, which logrotate checks first", async () => {
  const { resource } = await declare();
  const stdin = String(resource("backup-log-rotation-apply")?.inputs["stdin"]);
  expect(stdin).toContain("path: /etc/logrotate.d/twisterlab-edge-backup\n");
  expect(stdin).toContain("validate: logrotate\nactivate: logrotate\n");
  const [stanza, ...others] = parseStanzas(stdin.slice(stdin.indexOf("\n\n")));
  expect(others).toEqual([]);
  expect(stanza?.logs).toEqual(["/var/log/twisterlab-backup.log"]);
  expect(stanza?.options).toContain("create 0640 root adm");
  expect(resource("backup-log-rotation")?.dependsOn).toContain("backup-log-timer-apply");
});
