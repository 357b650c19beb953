import { clusterProvider } from "../../../components/cluster/clusterProvider.ts";
import { McpService } from "../../../components/cluster/mcpService.ts";
import { PodHygiene } from "../../../components/cluster/podHygiene.ts";
import { RevisionHistory } from "../../../components/cluster/revisionHistory.ts";
import type { Declared } from "../stack.ts";

const COMPONENTS = { McpService, PodHygiene, RevisionHistory };

// The components that a test has declared, see ../stack.ts.
const { kubeconfigFile, components } = JSON.parse(process.env["DECLARED"] ?? "") as Declared;
const provider = clusterProvider({ identifier: "test-cluster", kubeconfigFile });
for (const { component, name, args } of components) {
  // Each with its own arguments: the test's types have seen to it.
  new COMPONENTS[component](name, args as never, { provider });
}
