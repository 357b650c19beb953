import { expect, test } from "vitest";
import { K3sBackup } from "../../../components/host/k3sBackup.ts";
import { declareItems } from "../../support/hostItems.ts";

test("K3s is saved at its hour, and kept as long as is said", async () => {
  const { resource, items } = await declareItems((host) => {
    const args = { path: "/data/backups", hour: 3, retention: 604_800, why: "nobody saved the cluster itself" };
    new K3sBackup("k3s-backup", args, host);
  });
  expect(resource("k3s-backup-timer-apply")?.inputs["stdin"]).toContain("\nOnCalendar=*-*-* 03:00:00\n");
  const service = resource("k3s-backup-service-apply")?.inputs["stdin"];
  expect(service).toContain("ExecStart=/usr/local/sbin/twisterlab-edge k3s-backup\n");
  expect(service).toContain("StandardInputText=path: /data/backups\\nretention: 604800\\n\n");
  expect(items.map(({ name }) => name)).toEqual(["k3s-backup-service", "k3s-backup-timer"]);
  expect(items[1]?.sentence).toContain(
    "at 03:00 K3s' datastore, token and configuration are saved to /data/backups/k3s, while K3s runs on; those older than 7 days",
  );
});
