import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, vi } from "vitest";
import type { Patience } from "../../cli/clusterJob.ts";
import { Failure } from "../../cli/failure.ts";
import { openSite } from "../../cli/site.ts";
import { expandHome } from "../../components/host/connection.ts";
import { startClusterStandIn, type ClusterStandIn } from "./clusterStandIn.ts";

/** Looks often. What is to take its time does so on a busy machine, too. */
export const HURRY: Patience = { look: 0.01, start: 60, answer: 60 };

/** A person whose kubeconfig leads to a stand-in, anew for each test of a file. */
export interface ClusterCommand {
  cluster: ClusterStandIn;
  /** What a command has written to standard output, and to standard error. */
  printed: string;
  said: string;
}

export function clusterCommand(): ClusterCommand {
  const command = {} as ClusterCommand;
  let folder: string;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "twisterlab-edge-cli-"));
    vi.stubEnv("HOME", folder);
    const cluster = await startClusterStandIn();
    Object.assign(command, { cluster, printed: "", said: "" });
    const file = expandHome(openSite("edge").settings.cluster.kubeconfigFile);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, cluster.kubeconfig);
    vi.spyOn(process.stdout, "write").mockImplementation((text) => {
      command.printed += String(text);
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation((text) => {
      command.said += String(text);
      return true;
    });
  });

  afterEach(() => {
    command.cluster.stop();
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true, force: true });
  });

  return command;
}

/** The one sentence that a command fails with. */
export async function failureOf(run: Promise<unknown>): Promise<Failure> {
  const error = await run.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(Failure);
  expect((error as Failure).message).not.toContain("\n");
  return error as Failure;
}
