import { join } from "node:path";
import { expect, test } from "vitest";
import { EVERY_ITEM } from "../support/hostScripts.ts";
import { phaseStory } from "./support/phaseStory.ts";

/** An image that only the host's Docker has. */
const MCP = "twisterlab/mcp-unified:dev";
const UNITS = "/etc/systemd/system";
const BACKUPS = "/twisterlab/data-warehouse/twisterlab-edge/backups";

/** Makes a datastore as K3s has it, which the stand-in for it has not. */
const K3S_STORE = [
  "import sqlite3",
  'store = sqlite3.connect("/var/lib/rancher/k3s/server/db/state.db")',
  'store.execute("create table kine (id integer primary key, name text)")',
  'store.execute("insert into kine (name) values (1)")',
  "store.commit()",
].join("; ");

/** The second copy of the backups has tests of its own; it is in the story where that takes all items. */
const COPIED = process.env[EVERY_ITEM] !== undefined;
const copy = [["twisterlab-edge:phase0", "backups", "copy"], { repository: "/twisterlab/ai-storage/backups" }] as [
  string[],
  object,
];
const copied: [string, RegExp][] = [
  ["systemctl start twisterlab-edge-backup-copy && ls /twisterlab/ai-storage/backups/snapshots | wc -l", /^1$/],
  ["systemctl start twisterlab-edge-backup-log && grep -c 'backups copy ok' /var/log/twisterlab-backup.log", /^1$/],
];
const copyByHand = {
  "backup-copy-settings": "chmod 644 /var/lib/twisterlab-edge/backup-copy/settings",
  "backup-copy-service": `rm ${UNITS}/twisterlab-edge-backup-copy.service`,
  "backup-copy-timer": "systemctl disable --now --quiet twisterlab-edge-backup-copy.timer",
};

phaseStory(
  {
    phase: 0,
    observer: true,
    changes: [
      [["twisterlab-edge:phase0", "imageImports"], [{ image: MCP, source: "docker" }]],
      [["twisterlab-edge:phase0", "buildBenchmark"], { context: "/srv/mcp" }],
      ...(COPIED ? [copy] : []),
    ],
    prepare: `
      docker tag edge/busybox:1 ${MCP}
      install -d /var/lib/rancher/k3s/server/db
      echo K10secret > /var/lib/rancher/k3s/server/token
      python3 -c '${K3S_STORE}'
      mkdir /srv/mcp
      printf 'FROM edge/busybox:1\\nRUN echo built > /built\\n' > /srv/mcp/Dockerfile`,
    effects: [
      ["systemd-analyze cat-config systemd/journald.conf | grep '^SystemMaxUse=' | tail -1", /^SystemMaxUse=500M$/],
      ["logrotate --debug /etc/logrotate.conf 2>&1 | grep -c 'duplicate log entry' || true", /^0$/],
      ["systemctl is-active twisterlab-edge-disk-alert.timer logrotate.timer k3s", /^active\nactive\nactive$/],
      ["visudo --check --quiet && stat -c '%a %U' /etc/sudoers.d/twisterlab-edge", /^440 root$/],
      ["k3s crictl images --output json", /"docker\.io\/twisterlab\/mcp-unified:dev"/],
      [`ctr -n k8s.io images ls name==docker.io/${MCP}`, /io\.cri-containerd\.pinned=pinned/],
      ["docker images --quiet twisterlab-edge/build-benchmark", /^$/],
      [`stat --format '%a %u:%g' ${BACKUPS} ${BACKUPS}/k3s`, /^2770 0:10570\n700 0:0$/],
      [`systemctl start twisterlab-edge-k3s-backup && ls ${BACKUPS}/k3s`, /^k3s-\d{8}T\d{6}Z$/],
      ...(COPIED ? copied : []),
      ["systemctl start twisterlab-edge-backup-log && grep -c 'k3s backup ok' /var/log/twisterlab-backup.log", /^1$/],
    ],
    byHand: {
      "entry-point": "echo '# a remark' >> /usr/local/sbin/twisterlab-edge",
      "host-access-account": "usermod --shell /usr/sbin/nologin twisterlab-observer",
      "host-access-sudo": "echo '# a remark' >> /etc/sudoers.d/twisterlab-edge",
      "host-access-key":
        "sed -i 's/^.*ssh-ed25519/ssh-ed25519/' /var/lib/twisterlab-edge-observer/.ssh/authorized_keys",
      "journald-limit-conf": "rm /etc/systemd/journald.conf.d/zz-twisterlab-edge.conf",
      "log-rotation-stanza": "chmod 600 /etc/logrotate.d/rsyslog",
      "log-rotation-timer": `rm ${UNITS}/logrotate.timer.d/50-twisterlab-edge.conf`,
      "disk-alert-service": `chown nobody ${UNITS}/twisterlab-edge-disk-alert.service`,
      "disk-alert-timer": "systemctl disable --now --quiet twisterlab-edge-disk-alert.timer",
      "disk-cleanup-service": `echo '# a remark' >> ${UNITS}/twisterlab-edge-disk-cleanup.service`,
      "disk-cleanup-timer": `rm ${UNITS}/twisterlab-edge-disk-cleanup.timer`,
      "kubelet-yaml": "echo '# a remark' >> /etc/rancher/k3s/config.yaml.d/50-twisterlab-edge.yaml",
      "backup-folder": `chmod 755 ${BACKUPS}`,
      "k3s-backup-service": `rm ${UNITS}/twisterlab-edge-k3s-backup.service`,
      "k3s-backup-timer": "systemctl stop twisterlab-edge-k3s-backup.timer",
      ...(COPIED ? copyByHand : {}),
      "backup-log-service": `chmod 600 ${UNITS}/twisterlab-edge-backup-log.service`,
      "backup-log-timer": "systemctl disable --now --quiet twisterlab-edge-backup-log.timer",
      "backup-log-rotation": "rm /etc/logrotate.d/twisterlab-edge-backup",
      "k3s-image-twisterlab-mcp-unified-dev": `ctr -n k8s.io images rm docker.io/${MCP} > /dev/null`,
    },
    sample: [
      "entry-point",
      "host-access-key",
      "journald-limit-conf",
      "log-rotation-stanza",
      "disk-alert-timer",
      "backup-folder",
      "k3s-backup-timer",
      "backup-log-rotation",
    ],
    takenOut: { change: [["twisterlab-edge:phase0", "diskCleanup"], undefined], place: "disk cleanup" },
    stays: [],
  },
  (edge) => {
    test("a look at the host uses the key that may only observe, which can do nothing else; it tells what overrides our file", async () => {
      const { box, edge: checkout, read, drift } = edge();
      const other = "/etc/systemd/journald.conf.d/zzz-other.conf";
      await read(`printf '[Journal]\\nSystemMaxUse=4G\\n' > ${other}`);
      const seen = () => read("journalctl --no-pager | grep -c 'Accepted publickey for twisterlab-observer' || true");
      const before = Number(await seen());
      const { items } = await drift(0);
      expect(Number(await seen())).toBe(before + 1);
      const journald = items.find(({ name }) => name === "journald-limit-conf");
      expect(journald).toMatchObject({ refused: true, observed: expect.stringContaining(other) as string });
      await read(`rm ${other}`);

      const words = ["-i", join(checkout.home, ".ssh/observer"), "-p", String(box.sshPort), "-o", "BatchMode=yes"];
      const options = ["UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=no"].flatMap((option) => ["-o", option]);
      const login = [...words, ...options, `twisterlab-observer@${box.address}`, "touch /tmp/mine; sudo -n id"];
      expect((await checkout.run("ssh", login)).stdout).not.toContain("uid=");
      expect(await read("ls /tmp")).not.toContain("mine");
    });
  },
);
