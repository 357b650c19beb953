import { expect, test } from "vitest";
import { phase0With } from "../../support/phase0.ts";

test("the site file decides when, and the journal keeps its limit", async () => {
  const resource = await phase0With({ diskCleanup: { threshold: 60, hour: 3 } });
  expect(resource("disk-cleanup-timer-apply")?.inputs["stdin"]).toContain("OnCalendar=*-*-* 03:00:00\n");
  expect(resource("disk-cleanup-service-apply")?.inputs["stdin"]).toContain(
    "StandardInputText=threshold: 60\\njournal_limit: 524288000\\n\n",
  );
});
