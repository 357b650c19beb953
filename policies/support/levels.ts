import { createRequire } from "node:module";
import type { About } from "./rule.ts";

/** What of Pulumi's own description of the service is used here. */
interface Configure {
  requestDeserialize(bytes: Buffer): ConfigureRequest;
}

interface ConfigureRequest {
  getPolicyconfigMap: () => { forEach(each: (policy: { getEnforcementlevel(): number }, name: string) => void): void };
}

/** Of pulumi/proto/analyzer.proto. */
const LEVELS: readonly string[] = ["advisory", "mandatory", "disabled", "remediate"];

/**
 * Has a run fail that was told, by `--policy-pack-config`, to be softer than the rules are: a rule is only ever let off by an
 * exemption in the site file, where it has a reason and an end. The SDK takes any level, so the request is read before it does.
 */
export function keepLevels(rules: readonly About[]): void {
  const { AnalyzerService } = createRequire(import.meta.url)("@pulumi/pulumi/proto/analyzer_grpc_pb") as {
    AnalyzerService: { configure: Configure };
  };
  const { configure } = AnalyzerService;
  AnalyzerService.configure = {
    ...configure,
    requestDeserialize: (bytes) => {
      const request = configure.requestDeserialize(bytes);
      const policies = request.getPolicyconfigMap();
      // An error of here would lose its words on the way to the engine; one of the SDK's own reading keeps them.
      request.getPolicyconfigMap = () => {
        policies.forEach((policy, name) => {
          refuseSofter(rules, name, LEVELS[policy.getEnforcementlevel()] ?? "unknown");
        });
        return policies;
      };
      return request;
    },
  };
}

/** @throws Error for a level below that of the rule; those that are no rules may not be switched off either. */
export function refuseSofter(rules: readonly About[], name: string, level: string): void {
  const own = rules.find((rule) => rule.name === name)?.level ?? "advisory";
  if (level === own || level === "mandatory") return;
  throw new Error(
    `--policy-pack-config makes ${name} ${level}, and it is ${own}: take that out, and write an exemption into the site file instead`,
  );
}
