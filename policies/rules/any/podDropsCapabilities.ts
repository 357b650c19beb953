import { eachContainer, shown } from "../../support/pods.ts";
import type { AnyRule } from "../../support/rule.ts";

/** Every container gives up all capabilities; NET_BIND_SERVICE may be added. */
export const podDropsCapabilities: AnyRule = {
  name: "pod-drops-capabilities",
  audience: "any",
  level: "mandatory",
  reason: "the default set lets a container forge packets and take over files of others.",
  source:
    "Pod Security Standards restricted, kube-linter drop-net-raw-capability, Trivy KSV-0003 and KSV-0022, CIS 5.2.8 and 5.2.9",
  fix: "write `capabilities: { drop: [ALL] }` and add at most NET_BIND_SERVICE.",
  example: { refused: "capabilities: { add: [SYS_ADMIN] }", accepted: "capabilities: { drop: [ALL] }" },
  *check(resource) {
    for (const { field, title, pods } of eachContainer(resource)) {
      const capabilities = field.at("securityContext", "capabilities");
      const names = (key: string) =>
        capabilities
          .at(key)
          .list()
          .map((each) => each.text());
      if (!(names("drop").includes("ALL") || (pods.patch && capabilities.at("drop").isAbsent))) {
        yield { what: `${title}: ${shown(capabilities.at("drop"))}` };
      }
      if (names("add").some((name) => name !== "NET_BIND_SERVICE")) {
        yield { what: `${title}: ${shown(capabilities.at("add"))}` };
      }
    }
  },
};
