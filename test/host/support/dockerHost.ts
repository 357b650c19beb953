import { afterAll, beforeAll, expect } from "vitest";
import { startBox, type Box } from "../box/box.ts";
import { installEntryPoint } from "./entryPoint.ts";

export const DAEMON_JSON = "/etc/docker/daemon.json";
export const OLD = '{ "storage-driver": "overlay2" }\n';
export const NEW = '{ "storage-driver": "overlay2", "live-restore": true }\n';

/** Parameters of `host-file put` for it. */
export const daemonJson = {
  item: "docker-daemon-json",
  path: DAEMON_JSON,
  mode: "644",
  owner: "root:root",
  validate: "docker-daemon",
  activate: "docker",
};

/** A box of the test file's own, with the entry point and a Docker that runs with OLD; and ways to look at it. */
export function dockerHost() {
  let box: Box;

  beforeAll(async () => {
    box = await startBox();
    await installEntryPoint(box);
    await box.run(`mkdir -p /etc/docker; cat > ${DAEMON_JSON}; systemctl restart docker`, { stdin: OLD });
  });

  afterAll(async () => {
    await box.stop();
  });

  const read = async (command: string): Promise<string> => (await box.run(command)).stdout.trim();
  const liveRestore = () => read("docker info --format '{{.LiveRestoreEnabled}}'");
  const armed = () => read("ls -A /var/lib/twisterlab-edge/armed");
  return {
    box: () => box,
    read,
    liveRestore,
    armed,
    reverted: (item: string) => read(`cat /var/lib/twisterlab-edge/items/${item}/reverted`),
    until: (condition: string, seconds: number) =>
      read(`timeout ${seconds} bash -c 'until ${condition}; do sleep 0.5; done'; echo $?`),
    /** daemon.json as it was, at work, and nothing armed. */
    expectOldDaemon: async () => {
      expect(await box.run(`cat ${DAEMON_JSON}`)).toMatchObject({ code: 0, stdout: OLD });
      expect(await liveRestore()).toBe("false");
      expect(await armed()).toBe("");
    },
  };
}
