import { expect, test } from "vitest";
import { RevisionHistory } from "../../../components/cluster/revisionHistory.ts";
import { record } from "../../support/mocks.ts";

test("each Deployment gets the one field, by a manager of its own", async () => {
  const deployments = ["twisterlab/twisterlab-api", "monitoring/grafana"];
  const { resources } = await record({}, () => new RevisionHistory("history", { limit: 3, deployments }));
  const patches = resources.filter(({ type }) => type === "kubernetes:apps/v1:DeploymentPatch");
  expect(patches.map(({ name, inputs }) => [name, inputs["metadata"], inputs["spec"]])).toEqual(
    [
      ["history-monitoring/grafana", "monitoring", "grafana"],
      ["history-twisterlab/twisterlab-api", "twisterlab", "twisterlab-api"],
    ].map(([resource, namespace, name]) => [
      resource,
      {
        name,
        namespace,
        annotations: {
          "pulumi.com/patchFieldManager": "twisterlab-edge-revision-history",
          "pulumi.com/patchForce": "true",
          "pulumi.com/skipAwait": "true",
        },
      },
      { revisionHistoryLimit: 3 },
    ]),
  );
});
