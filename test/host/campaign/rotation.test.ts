import { afterAll, beforeAll, expect, test } from "vitest";
import { managedBox, type ManagedBox } from "../support/managedBox.ts";

/** A log that really grows: through rsyslog, while logrotate's timer starts it as time goes on. */
let edge: ManagedBox;

beforeAll(async () => {
  // 500 MB of a machine in software take half an hour; what is asked is the same at a fiftieth.
  edge = await managedBox({ changes: [[["twisterlab-edge:phase0", "logRotation", "maxSize"], "10 MB"]] });
  await edge.succeed("up", 0, "--skip-preview");
});

afterAll(async () => {
  await edge.stop();
});

/** Lines that a round writes, some hundred bytes each: together more than `maxSize`. */
const LINES = 24_000;
const ROUNDS = 5;

/** Kernel messages with a number, to rsyslog itself: journald would take them for those of a user. */
const WRITE = `python3 -c '
import socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect("/run/systemd/journal/syslog")
for number in range(int(sys.argv[1]), int(sys.argv[2])):
    log.send(f"<6>Jan  1 00:00:00 edgeserver kernel: line {number} {number * 7919:0>480}".encode())
'`;

const numbers = async (): Promise<number[]> =>
  (await edge.read("zgrep --no-filename --only-matching ': line [0-9]*' /var/log/kern.log* | cut -d' ' -f3"))
    .trim()
    .split("\n")
    .map(Number);

test("kern.log that grows past maxsize is rotated within the hour, three are kept, and no line of them is lost", async () => {
  for (let round = 0; round < ROUNDS; round++) {
    const [first, middle, last] = [round, round + 0.5, round + 1].map((part) => Math.round(part * LINES));
    await edge.read(`${WRITE} ${first} ${middle}`);
    await edge.read("touch /tmp/before-the-hour");
    // The other half comes while it is rotated. The hour is over when the timer has started logrotate, and that has ended.
    await edge.read(
      `started=$(systemctl show --property InvocationID --value logrotate)
      ${WRITE} ${middle} ${last} &
      date --set '+61 minutes' > /dev/null
      timeout 240 bash -c 'until [ "$(systemctl show --property InvocationID --value logrotate)" != "$0" ] &&
        [ "$(systemctl show --property ActiveState --value logrotate)" != activating ]; do sleep 1; done' "$started"
      wait`,
    );
    expect(await edge.read("systemctl is-failed logrotate || true")).toBe("inactive\n");
  }
  // The last lines are on their way from rsyslog's queue to the file.
  await edge.read(
    `timeout 60 bash -c "until grep --quiet ': line ${ROUNDS * LINES - 1} ' /var/log/kern.log*; do sleep 1; done"`,
  );

  const files = (await edge.read("cd /var/log; ls kern.log*")).trim().split("\n");
  expect(files).toEqual(["kern.log", "kern.log.1", "kern.log.2.gz", "kern.log.3.gz"]);
  const kept = (await numbers()).sort((a, b) => a - b);
  const [oldest = 0] = kept;
  // Of five rounds the last three are whole.
  expect(oldest).toBeLessThanOrEqual((ROUNDS - 3) * LINES);
  expect(kept).toEqual(Array.from({ length: ROUNDS * LINES - oldest }, (_, index) => oldest + index));
});
