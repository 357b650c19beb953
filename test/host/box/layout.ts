/** The disks of EdgeServer as `Pulumi.edge.yaml` describes them, in the order of their letters: sda, sdb, sdc. */
export const DISKS = {
  "ai-storage": { serial: "AISTORAGE01", gibibytes: 279, mount: "/twisterlab/ai-storage" },
  system: { serial: "SYSTEM01", gibibytes: 298, mount: undefined },
  "data-warehouse": { serial: "DATAWAREHOUSE1", gibibytes: 279, mount: "/twisterlab/data-warehouse" },
} as const;

export type DiskName = keyof typeof DISKS;

export const DISK_NAMES = Object.keys(DISKS) as DiskName[];

/** An empty disk that a box gets on request: sdd. */
export const SPARE_DISK = { serial: "SPARE01", gibibytes: 200 } as const;

export const ROOT_DEVICE = "/dev/mapper/ubuntu--vg-ubuntu--lv";

/** Size of the root volume before it grows; the rest of the volume group is free. */
export const ROOT_GIBIBYTES = 100;

/** Identifiers of the file systems: known before there are any, so that /etc/fstab can be written first. */
export const UUIDS = {
  root: "5ac1b8a4-4a4e-4c0e-9d52-1c1f3f6c0a01",
  boot: "5ac1b8a4-4a4e-4c0e-9d52-1c1f3f6c0a02",
  "ai-storage": "5ac1b8a4-4a4e-4c0e-9d52-1c1f3f6c0a03",
  "data-warehouse": "5ac1b8a4-4a4e-4c0e-9d52-1c1f3f6c0a04",
} as const;

/** /etc/fstab, as Ubuntu's installer writes it. */
export function fstab(): string {
  return [
    `${ROOT_DEVICE} / ext4 defaults 0 1`,
    `UUID=${UUIDS.boot} /boot ext4 defaults 0 1`,
    `UUID=${UUIDS["ai-storage"]} ${DISKS["ai-storage"].mount} ext4 defaults 0 2`,
    `UUID=${UUIDS["data-warehouse"]} ${DISKS["data-warehouse"].mount} ext4 defaults 0 2`,
    "",
  ].join("\n");
}

/** The same facts as variables of the script that installs the machine. */
export function installVariables(): string {
  const variables = {
    SYSTEM_SERIAL: DISKS.system.serial,
    AI_STORAGE_SERIAL: DISKS["ai-storage"].serial,
    DATA_WAREHOUSE_SERIAL: DISKS["data-warehouse"].serial,
    ROOT_SIZE: `${ROOT_GIBIBYTES}g`,
    ROOT_UUID: UUIDS.root,
    BOOT_UUID: UUIDS.boot,
    AI_STORAGE_UUID: UUIDS["ai-storage"],
    DATA_WAREHOUSE_UUID: UUIDS["data-warehouse"],
  };
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
