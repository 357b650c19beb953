# logical-volume grow: brings a logical volume and its filesystem to an absolute size while mounted. Never shrinks.
# volume-group add-disk: gives an empty disk, named by its serial, to a volume group.
# There is no undo: a grown volume stays grown, and old metadata over a grown filesystem would cut it off.
# volume-group restore-metadata: for people, after an accident with the group: puts back one of the kept files, when every
# volume that is there now has the same size and the same extents in it.

logical_volume_grow() {
  read_params item volume_group logical_volume mount filesystem size_bytes reserve_bytes metadata_backup disk_serial
  need item volume_group logical_volume mount filesystem size_bytes reserve_bytes metadata_backup
  need_commands lvs vgs lvextend vgcfgbackup findmnt
  local vg=${PARAM[volume_group]} lv=${PARAM[logical_volume]} mount=${PARAM[mount]} filesystem=${PARAM[filesystem]}
  local wanted=${PARAM[size_bytes]} reserve=${PARAM[reserve_bytes]} device="/dev/$vg/$lv" extent size free want said

  [[ $filesystem == ext4 || $filesystem == xfs ]] || refuse "filesystem '$filesystem' cannot be grown online here"
  lvs "$vg/$lv" > /dev/null 2>&1 || refuse "the logical volume $vg/$lv is not on this host"
  [[ -z ${PARAM[disk_serial]:-} ]] || is_on_disk "$vg" "${PARAM[disk_serial]}" \
    || refuse "no physical volume of $vg is on the disk ${PARAM[disk_serial]}"
  [[ $(volume_group "$vg" vg_missing_pv_count) == 0 ]] || refuse "the volume group $vg misses a physical volume"
  [[ $(logical_volume "$vg/$lv" lv_layout) == linear ]] \
    || refuse "$vg/$lv is $(logical_volume "$vg/$lv" lv_layout), not linear"
  [[ $(readlink -f -- "$(findmnt -no SOURCE -- "$mount")") == "$(readlink -f -- "$device")" ]] \
    || refuse "$mount is not the filesystem of $device"
  [[ $(findmnt -no FSTYPE -- "$mount") == "$filesystem" ]] || refuse "$mount is not $filesystem"

  extent=$(volume_group "$vg" vg_extent_size)
  size=$(logical_volume "$vg/$lv" lv_size)
  free=$(volume_group "$vg" vg_free)
  want=$(((wanted + extent - 1) / extent * extent))
  ((want >= size)) || refuse "$vg/$lv has $size bytes, more than the $want wanted: a volume is never shrunk"

  if ((want > size)); then
    ((want - size <= free - reserve)) \
      || refuse "$vg has $free bytes free; growing by $((want - size)) would not leave the reserve of $reserve"
    keep_metadata "$vg"
    lvextend --size "${want}b" -- "$vg/$lv" > /dev/null
    [[ $(logical_volume "$vg/$lv" lv_size) == "$want" ]] || failed_needs_help "$vg/$lv is not at $want bytes after lvextend"
  fi

  # Also after a run that was cut off between the volume and its filesystem.
  if (($(filesystem_size "$device" "$mount" "$filesystem") + 1048576 < want)); then
    case $filesystem in
      ext4) said=$(resize2fs "$device" 2>&1) || failed_needs_help "$device has $want bytes, its filesystem was not grown: $said" ;;
      xfs) said=$(xfs_growfs "$mount" 2>&1) || failed_needs_help "$device has $want bytes, its filesystem was not grown: $said" ;;
    esac
    (($(filesystem_size "$device" "$mount" "$filesystem") + 1048576 >= want)) \
      || failed_needs_help "$device has $want bytes but its filesystem was not grown"
    say "grew $device from $size to $want bytes"
  else
    say "$device is as wanted"
  fi
}

volume_group_add_disk() {
  read_params item volume_group disk_serial metadata_backup
  need item volume_group disk_serial metadata_backup
  need_commands pvs vgs pvcreate vgextend vgcfgbackup wipefs lsblk
  local vg=${PARAM[volume_group]} disk owner
  vgs "$vg" > /dev/null 2>&1 || refuse "the volume group $vg is not on this host"
  disk=$(disk_by_serial "${PARAM[disk_serial]}")
  if owner=$(pvs --noheadings --options vg_name -- "$disk" 2> /dev/null); then
    owner=${owner//[[:space:]]/}
    [[ $owner == "$vg" || -z $owner ]] || refuse "$disk belongs to the volume group $owner"
    if [[ $owner == "$vg" ]]; then
      say "$disk is in $vg"
      return 0
    fi
  else
    must_be_empty_disk "$disk"
    keep_metadata "$vg"
    pvcreate -- "$disk" > /dev/null
  fi
  vgextend -- "$vg" "$disk" > /dev/null
  say "added $disk to $vg"
}

volume_group_restore_metadata() {
  read_params volume_group file metadata_backup
  need volume_group file metadata_backup
  need_commands lvs vgs vgcfgrestore vgcfgbackup python3
  local vg=${PARAM[volume_group]} file=${PARAM[file]} now different
  [[ -f $file ]] || refuse "there is no file $file"
  vgs "$vg" > /dev/null 2>&1 || refuse "the volume group $vg is not on this host"
  now=$(mktemp -- "$RUN/twisterlab-edge.XXXXXX")
  remove_at_exit "$now"
  vgcfgbackup --file "$now" -- "$vg" > /dev/null
  different=$(python3 -c "$DIFFERENT_VOLUMES" "$vg" "$file" "$now") || refuse "$file is no metadata of $vg"
  [[ -z $different ]] \
    || refuse "with $file these volumes of $vg would have another size than now, and a filesystem on them would be cut off, or other extents, with other data: $different"
  keep_metadata "$vg"
  vgcfgrestore --yes --file "$file" -- "$vg" > /dev/null
  say "restored the metadata of $vg from $file"
}

# Volumes that are there now and are not in the same places in a file of vgcfgbackup.
readonly DIFFERENT_VOLUMES='
import re, sys
group, file, now = sys.argv[1:]

def volumes(name):
    path, disks, found, text = [], {}, {}, ""
    for line in open(name):
        line = line.split("#")[0].strip()
        if not line:
            continue
        # A list may go over several lines.
        text += line
        if "[" in text and "]" not in text:
            continue
        line, text = text, ""
        if line.endswith("{"):
            path.append(line[:-1].strip())
            if len(path) == 4 and path[:2] == [group, "logical_volumes"]:
                found.setdefault(path[2], []).append({})
        elif line == "}":
            path.pop()
        elif len(path) == 3 and path[:2] == [group, "physical_volumes"] and line.startswith("id ="):
            disks[path[2]] = line
        elif len(path) == 4 and path[:2] == [group, "logical_volumes"]:
            key, value = (part.strip() for part in line.split("=", 1))
            found[path[2]][-1][key] = value
    # The names of physical volumes (pv0, pv1) are those of one file.
    return {
        volume: [{key: re.sub(r"\bpv\d+\b", lambda pv: disks.get(pv[0], pv[0]), value) for key, value in part.items()} for part in parts]
        for volume, parts in found.items()
    }

kept, there = volumes(file), volumes(now)
if not kept:
    sys.exit(1)
extents = lambda parts: sum(int(part.get("extent_count", 0)) for part in parts)
for name, parts in there.items():
    if kept.get(name) != parts:
        print(f"{name} (now {extents(parts)} extents, there {extents(kept.get(name, []))})", end=" ")
'

# is_on_disk VG SERIAL: one of its physical volumes is on the disk with this serial.
is_on_disk() {
  local disk volume
  # We are asked in an ||, where an error ends nothing.
  disk=$(disk_by_serial "$2") || exit
  for volume in $(pvs --noheadings --options pv_name --select "vg_name=$1"); do
    [[ $(lsblk --nodeps --noheadings --paths --output PKNAME "$volume") == "$disk" || $volume == "$disk" ]] && return 0
  done
  return 1
}

# keep_metadata VG: the group's metadata, on this host and outside the group.
keep_metadata() {
  local outside=${PARAM[metadata_backup]} name source
  name=$1-$(date -u +%Y%m%dT%H%M%SZ)
  # Asked of the mount, not of the folder: with its disk away the folder is just a part of /.
  source=$(findmnt -no SOURCE -- "$(mount_of "$outside")")
  [[ $source == /dev/* && $(lvs --noheadings --options vg_name -- "$source" 2> /dev/null | tr -d '[:space:]') != "$1" ]] \
    || refuse "$outside is on $source: the metadata of $1 must be kept outside $1"
  mkdir -p -- "$STATE/lvm" "$outside"
  vgcfgbackup --file "$STATE/lvm/$name" -- "$1" > /dev/null
  cp -- "$STATE/lvm/$name" "$outside/$name"
  sync -- "$outside/$name"
  cmp --silent -- "$STATE/lvm/$name" "$outside/$name" || refuse "the metadata backup $outside/$name is not readable"
}

mount_of() {
  local folder=$1
  until [[ -d $folder ]]; do folder=$(dirname -- "$folder"); done
  findmnt -no TARGET --target "$folder"
}

volume_group() { vgs --noheadings --nosuffix --units b --options "$2" -- "$1" | tr -d '[:space:]'; }
logical_volume() { lvs --noheadings --nosuffix --units b --options "$2" -- "$1" | tr -d '[:space:]'; }

# filesystem_size DEVICE MOUNT TYPE: bytes the filesystem spans on its device.
filesystem_size() {
  case $3 in
    ext4) dumpe2fs -h "$1" 2> /dev/null | awk -F: '/^Block count/ { count = $2 } /^Block size/ { size = $2 } END { printf "%.0f", count * size }' ;;
    xfs) xfs_info "$2" | awk '/^data/ { for (i = 1; i <= NF; i++) { if ($i ~ /^bsize=/) size = substr($i, 7); if ($i ~ /^blocks=/) count = $i } gsub(/[^0-9]/, "", count); printf "%.0f", count * size }' ;;
  esac
}
