import { Field, Undecided } from "../../support/field.ts";
import { majorOf, parseImage } from "../../support/image.ts";
import type { SiteRule } from "../../support/site/rule.ts";

const KINDS: Readonly<Record<string, string>> = {
  "twisterlab:cluster:PostgresBackup": "postgres",
  "twisterlab:cluster:RedisBackup": "redis",
};

/** A backup's tools are not older than the server. */
export const backupClientNotOlder: SiteRule = {
  name: "backup-client-not-older",
  audience: "site",
  level: "mandatory",
  reason:
    "an older pg_dump refuses the newer server, and every backup from then on is empty or missing (GitLab, 2017).",
  source: "PostgreSQL: pg_dump; GitLab's report of 2017-01-31; no public linter has it",
  fix: "take the image of the server itself, or a newer one.",
  example: {
    refused: "image: postgres:14-alpine for a server of postgres:16-alpine",
    accepted: "image: postgres:16-alpine",
  },
  *check({ type, inputs }, { site }) {
    const kind = type === "twisterlab:cluster:RestoreDrill" ? inputs.at("kind").text() : KINDS[type];
    if (kind !== "postgres" && kind !== "redis") return;
    const { namespace = "", workload = "" } = site.phase0.backups[kind] ?? {};
    const server = site.workloads[namespace]?.[workload]?.image;
    if (server === undefined)
      throw new Undecided("image", `cannot be held against the server: \`phase0.backups.${kind}\` names none`);
    const path = `workloads.${namespace}.${workload}.image`;
    const [own, its] = [majorOf(parseImage(inputs.at("image"))), majorOf(parseImage(new Field(server, path)))];
    if (own === undefined || its === undefined) throw new Undecided("image", "has no version in its tag");
    if (own < its) yield { what: `its image is of version ${own}, the server's (${server}) of ${its}` };
  },
};
