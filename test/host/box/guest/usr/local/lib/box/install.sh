#!/bin/bash
# Runs once, as the first process of a machine that has booted from the plain root image: gives the system disk the
# partitions and volumes that Ubuntu's installer makes, copies the root file system into the logical volume, formats the
# data disks and powers off. `layout`, beside this file, has the serial numbers and identifiers.
set -euo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

die() {
  echo "box-install: $*" > /dev/console
  poweroff -f
}
trap 'die "failed in line $LINENO"' ERR

mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
# shellcheck source=/dev/null
source "$(dirname "$0")/layout"

disk_with_serial() {
  local device
  for device in /sys/block/sd*; do
    # Page 0x80 of the vital product data: four bytes of header, then the serial number.
    if [[ $(tail -c +5 "$device/device/vpd_pg80") == "$1" ]]; then
      echo "/dev/${device##*/}"
      return
    fi
  done
  die "no disk with serial number $1"
}

# No udevd runs: LVM makes its device nodes itself.
lvm_config='activation { udev_sync=0 udev_rules=0 } devices { obtain_device_list_from_udev=0 } backup { backup=0 archive=0 }'
# The disks of a new machine are empty: nothing to erase, and nothing for the kernel to fill with zeros later.
empty=(-q -E 'assume_storage_prezeroed=1,nodiscard')

system=$(disk_with_serial "$SYSTEM_SERIAL")
# As Ubuntu's installer does on a machine without UEFI: boot loader, /boot, physical volume.
sfdisk --quiet "$system" << 'TABLE'
label: gpt
size=1MiB, type=21686148-6449-6E6F-744E-656564454649
size=2GiB, type=linux
type=lvm
TABLE
mkfs.ext4 "${empty[@]}" -U "$BOOT_UUID" "${system}2"
pvcreate --config "$lvm_config" --yes "${system}3"
vgcreate --config "$lvm_config" ubuntu-vg "${system}3"
lvcreate --config "$lvm_config" --yes --wipesignatures n --zero n --size "$ROOT_SIZE" --name ubuntu-lv ubuntu-vg
e2image -raf "$(findfs "UUID=$ROOT_UUID")" /dev/ubuntu-vg/ubuntu-lv
vgchange --config "$lvm_config" --activate n ubuntu-vg

mkfs.ext4 "${empty[@]}" -U "$AI_STORAGE_UUID" "$(disk_with_serial "$AI_STORAGE_SERIAL")"
mkfs.ext4 "${empty[@]}" -U "$DATA_WAREHOUSE_UUID" "$(disk_with_serial "$DATA_WAREHOUSE_SERIAL")"

sync
echo "box-install: done" > /dev/console
poweroff -f
