import type { Plain, Table } from "../table.ts";

const command = (inputs: Record<string, unknown> = {}, name = "command", more: Partial<Plain> = {}): Plain => ({
  type: "command:remote:Command",
  name,
  inputs: {
    connection: { host: "192.168.0.30", user: "twister", privateKey: "key", hostKey: "ssh-ed25519 AAAA" },
    create: "systemctl enable --now backup.timer",
    update: "systemctl enable --now backup.timer",
    delete: "systemctl disable --now backup.timer",
    ...inputs,
  },
  ...more,
});
const other = (stack: Plain[]): void => {
  stack[0] = {
    type: "test:index:Other",
    name: "other",
    inputs: { create: "netplan apply; wipefs /dev/sda --password=x; lvextend x" },
  };
};
const one = () => [command()];
const texts = (list: readonly string[]): Table["refused"] =>
  Object.fromEntries(list.map((text) => [text, ["create", text] as const]));

/** Rules over the commands of @pulumi/command. */
export const commands: Record<string, Table> = {
  "remote-command-knows-host": {
    base: one,
    refused: {
      "an empty key": ["connection.hostKey", " "],
      "a hop without": ["connection.proxy", { host: "192.168.0.1" }],
      "a copied file": (stack) => {
        stack[0] = {
          type: "command:remote:CopyToRemote",
          name: "copy",
          inputs: { connection: { host: "192.168.0.30" } },
        };
      },
    },
    accepted: {
      "a hop with its own": ["connection.proxy", { host: "192.168.0.1", hostKey: "ssh-ed25519 BBBB" }],
      "a local command": (stack) => {
        stack[0] = { type: "command:local:Command", name: "local", inputs: { create: "true" } };
      },
    },
    pending: ["connection", "connection.hostKey"],
    absent: ["connection", "connection.hostKey"],
  },
  "command-delete-without-triggers": {
    base: one,
    refused: { triggers: ["triggers", ["hash"]], "an empty list of them": ["triggers", []] },
    accepted: {
      "triggers alone": (stack) =>
        void Object.assign(stack[0]?.inputs ?? {}, { delete: undefined, triggers: ["hash"] }),
      "what is no command": other,
    },
    unknown: ["triggers"],
  },
  "command-delete-with-update": {
    base: one,
    refused: { "an empty one": ["update", ""] },
    accepted: {
      neither: (stack) => void Object.assign(stack[0]?.inputs ?? {}, { delete: undefined, update: undefined }),
      "what is no command": other,
    },
    absent: ["update"],
  },
  "command-no-secret": {
    base: one,
    refused: texts([
      "mysql --password=hunter2",
      "vault login -token=hvs",
      "PGPASSWORD=hunter2 pg_dump",
      "export API_KEY='abc'; run",
      "sshpass -p hunter2 ssh host",
      "curl -u admin:hunter2 https://harbor",
      "curl https://x --user 'admin:hunter2'",
      "curl -H 'Authorization: Bearer abc'",
      "git clone https://me:hunter2@git.example/x",
      "echo ghp_0123456789abcdefghijABCDEFGHIJ012345 | gh auth login",
      "echo '-----BEGIN OPENSSH PRIVATE KEY-----'",
    ]),
    accepted: {
      ...texts([
        'mysql --password="$PASSWORD"',
        "PGPASSWORD=$(cat /run/password) pg_dump",
        "docker login --username k3s --password-stdin",
        "curl -u admin:$PASSWORD https://harbor",
        "curl --user-agent x https://harbor",
        'curl -H "Authorization: Bearer $TOKEN"',
        "PASSWORD= run",
      ]),
      "what is no command": other,
      "by standard input": ["stdin", "password: hunter2"],
    },
    pending: ["create", "update", "delete"],
  },
  "command-not-destructive": {
    base: one,
    refused: {
      ...texts([
        "lvreduce -L 10G /dev/vg/root",
        "lvremove -f vg/data",
        "vgremove vg",
        "vgreduce vg /dev/sdb",
        "pvremove /dev/sdb",
        "pvcreate /dev/sdb",
        "vgcfgrestore vg",
        "lvresize -L -5G vg/root",
        "lvresize --size=-5G vg/root",
        "wipefs -a /dev/sdb",
        "mkfs.ext4 /dev/sdb1",
        "mke2fs /dev/sdb1",
        "blkdiscard /dev/sda",
        "shred /dev/sda",
        "parted /dev/sdb mklabel gpt",
        "dd if=/dev/zero of=/dev/sda bs=1M",
        "cat image > /dev/sdb",
        "e2fsck -fD /dev/vg/root",
        "tune2fs -O ^has_journal /dev/vg/root",
        "resize2fs -M /dev/vg/root",
        "rm -rf /",
        "rm -rf /*",
        "rm -r -f /var/lib; true",
        "rm -rf ~",
        "find /var/log -name '*.gz' -delete",
        "docker system prune -af --volumes",
        "docker volume prune -f",
        "k3s-uninstall.sh",
        "k3s server --cluster-reset",
        "kubectl delete pvc data",
        "kubectl delete pods --all",
        "kubectl delete ns harbor",
        "psql -c 'DROP DATABASE app'",
        "psql -c 'truncate table users'",
        "redis-cli FLUSHALL",
        'lv"remo"ve vg/data',
        "lv\\remove vg/data",
        "rm -rf \\\n /",
      ]),
      "in delete": ["delete", "wipefs -a /dev/sdb"],
      "in what a shell reads": (stack) =>
        void Object.assign(stack[0]?.inputs ?? {}, {
          create: "sudo bash -s -- one",
          stdin: "set -e\nwipefs -a /dev/sdb\n",
        }),
      "in what a bare shell reads": (stack) =>
        void Object.assign(stack[0]?.inputs ?? {}, { create: "sh", stdin: "lvremove x" }),
      "of a local command": (stack) => {
        stack[0] = { type: "command:local:Command", name: "local", inputs: { create: "rm -rf /" } };
      },
    },
    accepted: {
      ...texts([
        "lvextend -L 150G /dev/vg/root",
        "lvresize -L 150G /dev/vg/root",
        "dd if=/dev/sda of=/dev/null bs=1M count=1",
        "echo done > /dev/null",
        "rm -f /etc/cron.d/old",
        "rm -rf /var/lib/app/cache",
        "find /var/log -name '*.gz'",
        "docker image prune -f",
        "kubectl delete pod one",
        "e2fsck -n /dev/vg/root",
        "systemctl start mkfstab.service",
      ]),
      "what no shell reads": (stack) =>
        void Object.assign(stack[0]?.inputs ?? {}, { create: "tee /tmp/x", stdin: "wipefs" }),
      "a script whose checksum is told": (stack) =>
        void Object.assign(stack[0]?.inputs ?? {}, {
          create: `bash -s -- ${"a".repeat(64)}`,
          stdin: "wipefs /dev/sdb",
        }),
      "what is no command": other,
    },
    pending: ["create", "update", "delete"],
  },
  "volume-group-saved-first": {
    base: () => [command({ create: "vgcfgbackup --file /backup/vg vg && lvextend -L 150G vg/root" })],
    refused: {
      ...texts([
        "lvextend -L 150G vg/root",
        "lvresize -L 150G vg/root",
        "vgextend vg /dev/sdc",
        "pvresize /dev/sdb3",
        "pvmove /dev/sdb3",
        "lvcreate -L 1G vg",
        "lvconvert --merge vg/snap",
        "lvextend -L 150G vg/root && vgcfgbackup -f /backup/vg vg",
        "vgcfgbackup vg && lvextend -L 150G vg/root",
      ]),
      "saved by another that it does not wait for": (stack) =>
        void stack.splice(0, 1, command({ create: "lvextend x" }), command({ create: "vgcfgbackup -f /b vg" }, "save")),
      "another that it waits for saves nothing": (stack) =>
        void stack.splice(
          0,
          1,
          command({ create: "lvextend x" }, "grow", { dependsOn: ["save"] }),
          command({}, "save"),
        ),
    },
    accepted: {
      "saved by another that it waits for": (stack) =>
        void stack.splice(
          0,
          1,
          command({ create: "lvextend x" }, "grow", { dependsOn: ["between"] }),
          command({}, "between", { parent: "component" }),
          { type: "test:index:Component", name: "component", inputs: {}, dependsOn: ["save"] },
          command({ create: "vgcfgbackup -f /backup/vg vg" }, "save"),
        ),
      "saved by the update of another": (stack) => {
        stack.splice(
          0,
          1,
          command({ create: "lvextend x" }, "grow", { dependsOn: ["save"] }),
          command({ create: "true", update: "vgcfgbackup -f /backup/vg vg" }, "save"),
        );
      },
      "what changes nothing": ["create", "lvs"],
      "what is no command": other,
    },
    pending: ["create"],
  },
  "lock-out-reverts": {
    base: one,
    refused: texts([
      "netplan apply",
      "echo x > /etc/netplan/01.yaml",
      "echo x | tee -a /etc/ssh/sshd_config",
      "cp x /etc/fstab",
      "sed -i s/a/b/ /etc/sudoers",
      "ufw enable",
      "nft -f /etc/nftables.conf",
      "iptables -P INPUT DROP",
      "ip6tables -F",
      "systemctl restart sshd",
      "systemctl stop ssh",
      "systemctl disable --now systemd-networkd",
      "ip link set eth0 down",
      "ip addr flush dev eth0",
      "ip route del default",
    ]),
    accepted: {
      ...texts([
        "netplan try --timeout 90",
        "systemd-run --on-active=90 restore && netplan apply",
        "iptables-apply -t 60 rules",
        "shutdown -r +5 && ufw enable",
        "echo ufw disable | at now + 5 minutes && ufw enable",
        "cat /etc/fstab",
        "systemctl status sshd",
        "ip addr show",
      ]),
      "what is no command": other,
    },
    pending: ["create", "update", "delete"],
  },
};
