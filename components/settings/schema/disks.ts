import { deviceName, dnsLabel, hostPath, lvmName, serialNumber } from "../values/name.ts";
import { size, sizeOrNone } from "../values/size.ts";
import { choice, fact, named, object, text } from "./build.ts";

export const disks = named(
  "The machine's disks, by the name that the rest of this file calls them.",
  dnsLabel,
  object("A disk.", {
    device: text(deviceName, "Whole disk as the kernel names it, without `/dev/`."),
    size: text(size, "Size of the whole disk."),
    serial: fact(serialNumber, "Serial number: device names change places at a reboot, this does not."),
    mount: text(hostPath, "Where its file system is mounted, if it has one.").exactOptional(),
  }),
);

export const rootVolume = object("The logical volume that / is on.", {
  disk: text(dnsLabel, "Disk, by its name under `disks`."),
  physicalVolume: text(deviceName, "Partition of that disk that is the physical volume, without `/dev/`."),
  volumeGroup: text(lvmName, "LVM volume group."),
  logicalVolume: text(lvmName, "LVM logical volume."),
  filesystem: choice("File system of the volume.", ["ext4", "xfs"]),
  mount: text(hostPath, "Where it is mounted."),
  recordedSize: text(size, "Size of the logical volume when it was last written down."),
  recordedFree: text(sizeOrNone, "Space of the volume group that belonged to no volume then."),
});
