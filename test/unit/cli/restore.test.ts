import { PassThrough } from "node:stream";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { main } from "../../../cli/main.ts";
import { restore } from "../../../cli/restore.ts";
import { clusterCommand, failureOf, HURRY } from "../../support/clusterCommand.ts";
import { cronJob, endedPod, type ClusterStandIn } from "../../support/clusterStandIn.ts";

const command = clusterCommand();

const RECORD = {
  kind: "redis",
  ok: true,
  sentence: "it was restored",
  task: "restore",
  backup: "redis-20260101T020000Z",
  ageSeconds: 7300,
  bytes: 5000,
  restoreSeconds: 12,
};
const REFUSED = "the server has data already: 3 keys, 0 functions. --overwrite saves them";

let cluster: ClusterStandIn;

beforeEach(() => {
  ({ cluster } = command);
  cluster.cronJobs = {
    "redis-backup": cronJob("redis-backup", "redisBackup.sh", "512Mi"),
    "redis-drill": cronJob("redis-drill", "redisDrill.sh", "1Gi"),
  };
  cluster.pods = [endedPod(0, JSON.stringify(RECORD))];
});

/** A terminal on which somebody types that. */
function typing(line: string): void {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  terminal.write(`${line}\n`);
  vi.spyOn(process, "stdin", "get").mockReturnValue(terminal as unknown as typeof process.stdin);
}

describe("a restore", () => {
  test("runs its script where the backup runs, reachable for the database, with what the drill may take", async () => {
    expect(await restore("redis", "edge", { from: "newest", overwrite: true }, HURRY)).toBe(0);
    const labels = { "app.kubernetes.io/managed-by": "twisterlab-edge", "app.kubernetes.io/name": "redis-restore" };
    expect(cluster.created).toEqual([
      {
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name: expect.stringMatching(/^redis-restore-/) as string, labels },
        spec: {
          backoffLimit: 0,
          ttlSecondsAfterFinished: 86_400,
          template: {
            metadata: { labels },
            spec: {
              restartPolicy: "Never",
              containers: [
                {
                  name: "redis-backup",
                  image: "image",
                  command: ["sh", "-c", "exec sh /scripts/redisRestore.sh"],
                  env: [
                    { name: "BACKUPS", value: "/backups" },
                    { name: "FROM", value: "newest" },
                    { name: "OVERWRITE", value: "1" },
                    { name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
                  ],
                  resources: { limits: { memory: "1Gi" } },
                },
              ],
            },
          },
        },
      },
    ]);
    expect(command.printed).toMatch(/│ redis +│ redis-20260101T020000Z │ 2 h +│ 12 s +│ 4\.88 KiB │/);
  });

  test("is told to overwrite only when it was said", async () => {
    await restore("redis", "edge", { from: "redis-20260101T020000Z" }, HURRY);
    expect(JSON.stringify(cluster.created)).not.toContain("OVERWRITE");
  });

  test("that is refused, or fails, ends with the script's own sentence", async () => {
    cluster.pods = [endedPod(1, JSON.stringify({ ...RECORD, ok: false, sentence: REFUSED }))];
    const { message, exitCode } = await failureOf(restore("redis", "edge", { from: "newest" }, HURRY));
    expect(message).toBe(`the restore of redis failed: ${REFUSED}`);
    expect(exitCode).toBe(1);
    expect(command.printed).toBe("");
  });

  test("that was killed says what to do next", async () => {
    const killed = endedPod(137, "", { reason: "", message: "" });
    cluster.pods = [killed];
    const { message } = await failureOf(restore("redis", "edge", { from: "newest" }, HURRY));
    expect(message).toBe(
      "the restore of redis failed: its container ended with 137 (Error). It did not come to its end: " +
        "repeat it with --overwrite, nothing is lost",
    );
  });

  test.each(["redis-backup-1", "redis-restore-1"])("is not begun beside %s", async (name) => {
    cluster.jobs = [
      { metadata: { name: "other" }, status: { succeeded: 1 } },
      { metadata: { name }, status: { active: 1 } },
    ];
    let asked = "";
    cluster.instead = (request) => {
      asked += decodeURIComponent(request).replaceAll("+", " ");
      return undefined;
    };
    const { message, exitCode } = await failureOf(restore("redis", "edge", { from: "newest" }, HURRY));
    expect(message).toMatch(new RegExp(`^the job \\w+/${name} is under way: wait for its end$`));
    expect(exitCode).toBe(1);
    expect(asked).toContain("labelSelector=app.kubernetes.io/name in (redis-backup, redis-restore)");
    expect(cluster.created).toEqual([]);
  });

  test("needs the objects of this program", async () => {
    cluster.cronJobs = { ...cluster.cronJobs, "redis-backup": { metadata: {}, spec: { jobTemplate: { spec: {} } } } };
    const { message, exitCode } = await failureOf(restore("redis", "edge", { from: "newest" }, HURRY));
    expect(message).toMatch(/^the CronJobs of redis in \w+ are not this program's: npm run up -- 0 mends them$/);
    expect(exitCode).toBe(2);
  });
});

describe("without a name", () => {
  test("the backups are listed, and it is a wrong call", async () => {
    cluster.log = "redis-20260101T020000Z\t90000\t2048\t7.4.1\nbefore-restore-redis-20260102T020000Z\t30\t7\t7.4.1\n";
    const { message, exitCode } = await failureOf(restore("redis", "edge", {}, HURRY));
    expect(message).toBe("name one of them, or newest: npm run restore -- redis --from <backup>");
    expect(exitCode).toBe(2);
    expect(command.printed).toMatch(/│ redis-20260101T020000Z +│ 25 h │ 2 KiB │ 7\.4\.1 +│/);
    expect(command.printed).toMatch(/│ before-restore-redis-20260102T020000Z │ 30 s │ 7 B +│ 7\.4\.1 +│/);
    expect(command.said).not.toContain("\t");
    expect(JSON.stringify(cluster.created)).toContain("/scripts/listBackups.sh");
    expect(cluster.removed).toHaveLength(1);
  });

  test.each([
    ["there are none", endedPod(0, ""), "", "there are no backups of redis"],
    [
      "their disk is away",
      endedPod(1, ""),
      "/backups is not the folder of the backups\n",
      "the backups of redis cannot be listed: /backups is not the folder of the backups",
    ],
    [
      "nobody says why",
      endedPod(137, ""),
      "",
      "the backups of redis cannot be listed: its container ended with 137 (Error)",
    ],
  ])("%s", async (_, pod, log, sentence) => {
    Object.assign(cluster, { pods: [pod], log });
    const { message, exitCode } = await failureOf(restore("redis", "edge", {}, HURRY));
    expect(message).toBe(sentence);
    expect(exitCode).toBe(1);
  });
});

describe("on a terminal", () => {
  test.each(["y", "yes", "postgres", ""])("%j is no answer, and nothing is begun", async (line) => {
    typing(line);
    expect(await restore("redis", "edge", { from: "newest", overwrite: true }, HURRY)).toBe(1);
    expect(command.said).toContain("what it has now is saved first, and then replaced. Type redis to go on:");
    expect(cluster.created).toEqual([]);
  });

  test("the name of the database is", async () => {
    typing("redis");
    expect(await restore("redis", "edge", { from: "newest" }, HURRY)).toBe(0);
    expect(command.said).toMatch(/This restores newest into the redis server of \w+ on http\S+: which must be empty\./);
    expect(cluster.created).toHaveLength(1);
  });

  test("nobody is asked who has said yes", async () => {
    typing("no");
    expect(await restore("redis", "edge", { from: "newest", yes: true }, HURRY)).toBe(0);
    expect(command.said).not.toContain("Type redis");
  });
});

describe("a wrong call is one sentence and exit code 2", () => {
  test.each([
    [["restore"], "missing required argument 'database'"],
    [["restore", "mysql"], "Backups are made of postgres and of redis."],
    [["drill", "mysql"], "Backups are made of postgres and of redis."],
    [["restore", "redis", "--form", "newest"], "unknown option '--form'"],
    [["restore", "redis", "--from"], "option '--from <backup>' argument missing"],
    [["drill", "--site", "nowhere"], "no site file Pulumi.nowhere.yaml in "],
  ])("%j", async (words, sentence) => {
    vi.spyOn(console, "error").mockImplementation((text) => {
      command.said += `${String(text)}\n`;
    });
    expect(await main(words)).toBe(2);
    expect(command.said).toContain(sentence);
    expect(command.said.match(/^error:/gm)).toHaveLength(1);
  });

  test("a flag that npm kept to itself is not lost in silence", async () => {
    const error = vi.spyOn(console, "error").mockReturnValue();
    vi.stubEnv("npm_lifecycle_event", "restore");
    vi.stubEnv("npm_config_from", "newest");
    vi.stubEnv("npm_config_overwrite", "true");
    expect(await main(["restore", "redis"])).toBe(2);
    expect(String(error.mock.calls[0]?.[0])).toContain("npm kept --from, --overwrite to itself");
  });
});
