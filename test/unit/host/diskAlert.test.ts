import { expect, test } from "vitest";
import { phase0With } from "../../support/phase0.ts";

test("the site file's disks are watched, those that are mounted", async () => {
  const resource = await phase0With({ diskAlert: { threshold: 70 } });
  expect(resource("disk-alert")?.inputs).toMatchObject({
    threshold: 70,
    critical: 90,
    mounts: ["/", "/twisterlab/ai-storage", "/twisterlab/data-warehouse"],
  });
  expect(resource("disk-alert-service-apply")?.inputs["stdin"]).toContain(
    "StandardInputText=threshold: 70\\ncritical: 90\\nmounts: / /twisterlab/ai-storage /twisterlab/data-warehouse\\n\n",
  );
});
