# data-root move|undo: moves /var/lib/docker or /var/lib/rancher to another disk: copy, verify, switch. The old data
# stays beside the mount as PATH.before-twisterlab-edge until somebody removes it on purpose.
#
# The new place is a bind mount in /etc/fstab, which serves Docker and K3s alike, and the service is told to wait for it:
# without that a missing disk would let it start on an empty folder.

data_root_move() {
  read_params item path disk_serial mount format service confirm_within
  need item path disk_serial mount format service
  need_commands rsync findmnt lsblk systemctl systemd-escape wipefs
  local path=${PARAM[path]} mount=${PARAM[mount]} service=${PARAM[service]} copied differences
  name_places

  if mountpoint --quiet -- "$path"; then
    [[ $(findmnt -no SOURCE -- "$path") == "$(findmnt -no SOURCE -- "$mount")[/$(basename -- "$path")]" ]] \
      || refuse "$path is a mount already, and not from $mount"
    "healthy_$service" || start_service "$service" || failed_needs_help "$service does not start from $mount"
    rm -f -- "$record/reverted"
    say "$path is on $mount"
    return 0
  fi
  # Its disk did not mount, say. What is in this folder then is not the data, and what looks like an empty disk is.
  [[ ! -e $record/installed ]] \
    || refuse "$path was moved to $target and is not mounted: mend that, then mount $mount and $path. Leave $old alone until then"
  [[ -d $path && ! -L $path ]] || refuse "$path is not a folder"
  [[ ! -e $old ]] || refuse "$old exists from an earlier move: see that $path has all its data, then move it away"
  containers_stop_with "$service"
  nothing_else_below "$path"
  fstab_is_sound
  prepare_disk "$mount" "${PARAM[disk_serial]}" "${PARAM[format]}"
  awk -v mount="$mount" '!/^[[:space:]]*#/ && $2 == mount { found = 1 } END { exit !found }' "$FSTAB" \
    || refuse "$mount is not in $FSTAB: after a reboot it would not be there"
  take_over_own_copy
  copied=$target.partial
  enough_room "$path" "$mount" "$copied"

  # First copy while the service runs, second while it stands: the outage is only the difference.
  copy "$path/" "$copied/" || true
  printf '%s\n' "$path" "$mount" "$service" | keep "$record/places"
  # Whatever fails from here on, also a command nobody asked about: the service runs on its old data again.
  arm "${PARAM[item]}" data-root
  stop_service "$service"
  [[ -z $(mounted_below "$path") ]] || fail "something still has a mount in $path, and would write on there: stop its containers first"
  copy "$path/" "$copied/"
  differences=$(copy --dry-run --itemize-changes --checksum "$path/" "$copied/")
  [[ -z $differences ]] || fail "$copied is not what $path is"
  # All of it on the disk before anything goes by it: the way back copies from there.
  sync --file-system -- "$copied"
  mv -T -- "$copied" "$target"
  sync -- "$mount"
  mv -T -- "$path" "$old"
  mkdir -m 0711 -- "$path"
  add_fstab_line "$line"
  wait_for_mount "$service" "$path"
  mount -- "$path"
  # From here on the service writes to the new place: going back by the old data alone would lose that.
  keep "$record/installed" <<< "$target"
  start_service "$service" || fail "$service does not start from $target"
  await_confirmation "${PARAM[item]}" data-root
  say "moved $path to $target; the old data is in $old"
}

data_root_undo() {
  read_params item path disk_serial mount format service confirm_within
  need item path mount service
  local path=${PARAM[path]} service=${PARAM[service]} mount=${PARAM[mount]}
  name_places
  if [[ ! -e $record/installed ]]; then
    rm -rf -- "$record"
    say "$path was never moved by us"
    return 0
  fi
  [[ -d $old ]] || refuse "the data from before the move is gone: $path stays on $mount"
  target_is_there || refuse "$target is not there, and what was written since the move with it"
  containers_stop_with "$service"
  # What was written since the move is only on the new disk: it is copied back before the switch. From `target`, not from
  # `path`: with its mount away `path` is an empty folder, and a copy of that would empty `old`.
  enough_room "$target" "$(dirname -- "$path")" "$old"
  # The first copy while the service runs, and nothing to go back from yet.
  copy "$target/" "$old/" || true
  arm "${PARAM[item]}" data-root
  go_back_to_old_data
  disarm "${PARAM[item]}"
  rm -rf -- "$record"
  say "moved $path back; the copy on $mount was left there"
}

# revert_data_root ITEM now|boot: the service on its old data, with what it wrote since. Also the end of an undo that was
# cut off: the way back has only one direction.
revert_data_root() {
  local places
  mapfile -t places < "$STATE/items/$1/places"
  PARAM=([item]=$1 [path]=${places[0]} [mount]=${places[1]} [service]=${places[2]})
  name_places
  if [[ $2 == boot ]]; then
    # What was written on the other disk can only be copied back once that is mounted.
    [[ ! -e $record/installed ]] || exit "$LATER"
    put_back_places "${places[0]}" "${places[2]}"
  else
    trap 'start_after_failure $?' EXIT
    go_back_to_old_data
  fi
}

# start_after_failure STATUS: better where it is than not at all.
start_after_failure() {
  rm -f -- "${STAGED[@]}"
  (($1 == 0)) || start_service "${PARAM[service]}" || true
}

healthy_data_root() {
  local places
  mapfile -t places < "$STATE/items/$1/places"
  "healthy_${places[2]}"
}

# Global, because the way back needs them too.
name_places() {
  record=$(item_folder "${PARAM[item]}")
  target=${PARAM[mount]}/$(basename -- "${PARAM[path]}")
  old=${PARAM[path]}.before-twisterlab-edge
  line="$target ${PARAM[path]} none bind,nofail,x-systemd.requires-mounts-for=${PARAM[mount]} 0 0"
}

# From wherever the switch, there or back, was cut off. Runs again freely.
go_back_to_old_data() {
  local path=${PARAM[path]} service=${PARAM[service]} merge=no
  stop_service "$service" || true
  # Also where it is not noted down: it ran from there in a boot that could not be put right in time.
  if [[ -e $record/installed ]] || mountpoint --quiet -- "$path"; then
    if target_is_there; then
      merge=yes
    else
      # Its disk is away. What was written there is not lost with this, and the service is needed.
      say "$target is not there: $service goes back to the data from before the move"
      keep "$record/unmerged" <<< "$target"
    fi
  fi
  [[ $merge == no || ! -d $old ]] || merge_into "$old"
  if mountpoint --quiet -- "$path"; then
    # A command of K3s', or somebody's shell, may be in it for a moment.
    wait_until 60 umount -- "$path" || fail "$path is in use and cannot be unmounted: do its containers still run?"
  fi
  [[ $merge == no || -d $old ]] || merge_into "$path"
  put_back_places "$path" "$service"
  # A later move starts from this copy.
  [[ ! -d $target || -e $target.partial || -e $record/unmerged ]] || mv -T -- "$target" "$target.partial"
  start_service "$service"
}

# merge_into FOLDER: what the service wrote on the other disk, on this one for good.
merge_into() {
  copy "$target/" "$1/" || fail "$target could not be copied back to $1"
  sync --file-system -- "$1"
}

# target_is_there: the new place with its data. A disk that may be absent at boot may be on its way up; and the folder alone
# says nothing, because systemd makes the source of a bind mount where it is missing.
target_is_there() {
  local mount=${PARAM[mount]}
  mountpoint --quiet -- "$mount" \
    || timeout 300 systemctl start -- "$(systemd-escape --path --suffix=mount -- "$mount")" 2> /dev/null || true
  mountpoint --quiet -- "$mount" && [[ -n $(ls -A -- "$target" 2> /dev/null) ]]
}

# put_back_places PATH SERVICE: the folder, fstab and the unit's dependency as they were before the move. In this order: as
# long as the old data is not in its place, a boot mounts the other.
put_back_places() {
  if [[ -d $old ]]; then
    # What was written into the mount point while nothing was mounted is somebody's data too.
    [[ ! -d $1 ]] || rmdir -- "$1" 2> /dev/null || mv -T -- "$1" "$1.aside-$(date -u +%Y%m%dT%H%M%SZ)"
    rm -f -- "$record/installed"
    sync -- "$record"
    mv -T -- "$old" "$1"
    sync -- "$(dirname -- "$1")"
  fi
  rm -f -- "$record/installed"
  drop_fstab_line "$line"
  forget "$UNITS/$2.service.d/50-twisterlab-edge-data-root.conf"
  systemctl daemon-reload
}

# take_over_own_copy: the copy of a move that was undone before the service ran from it is a good start for the next.
take_over_own_copy() {
  local this_move=${PARAM[path]}$'\n'${PARAM[mount]}$'\n'${PARAM[service]}
  if [[ -e $target && ! -e $target.partial && ! -e $record/unmerged && -e $record/places && $(< "$record/places") == "$this_move" ]]; then
    mv -T -- "$target" "$target.partial"
  fi
  [[ ! -e $target || ! -e $record/unmerged ]] \
    || refuse "$target has what was written there before its disk went away: look whether you need that, then move it away"
  [[ ! -e $target ]] || refuse "$target exists already"
  rm -f -- "$record/unmerged"
}

# nothing_else_below PATH: no file system but those that containers bring: it would be left behind.
nothing_else_below() {
  local others
  others=$(mounted_below "$1" | awk '$2 !~ /^(overlay|tmpfs|nsfs|proc|mqueue|fuse\.fuse-overlayfs)$/ { print $1 }')
  [[ -z $others ]] || refuse "other file systems are mounted in $1 (${others//$'\n'/ }): they would be left behind"
}

mounted_below() { findmnt --raw --noheadings --output TARGET,FSTYPE | awk -v below="$1/" 'index($1, below) == 1'; }

copy() { rsync --archive --hard-links --acls --xattrs --one-file-system --numeric-ids --delete "$@"; }

# live-restore lets containers run on, and write on, while the daemon stands. Of a daemon that does not answer, the mounts
# tell, once it stands.
containers_stop_with() {
  local running
  [[ $1 == docker ]] || return 0
  running=$(timeout 20 docker info --format '{{.LiveRestoreEnabled}} {{.ContainersRunning}}' 2> /dev/null) || return 0
  [[ $running != "true "[1-9]* ]] \
    || refuse "containers run and live-restore would keep them writing during the move: stop them first (docker stop)"
}

drop_fstab_line() { edit_fstab unchecked without_line "$1"; }
without_line() { awk -v line="$1" '$0 != line'; }

# prepare_disk MOUNT SERIAL FORMAT: `none` wants the disk mounted there already; `ext4` makes a filesystem on an empty one.
prepare_disk() {
  local disk partition
  disk=$(disk_by_serial "$2")
  if mountpoint --quiet -- "$1"; then
    [[ /dev/$(lsblk --noheadings --output PKNAME "$(findmnt -no SOURCE -- "$1")" | head -n 1) == "$disk" ||
    $(findmnt -no SOURCE -- "$1") == "$disk" ]] || refuse "$1 is mounted from another disk than $disk"
    return 0
  fi
  [[ $3 == ext4 ]] || refuse "$1 is not a mount point"
  need_commands sfdisk mkfs.ext4 udevadm blkid
  # The name tells a partition of ours, left by a run that was cut off, from one that holds somebody's data.
  partition=$(our_partition "$disk")
  if [[ -z $partition ]]; then
    must_be_empty_disk "$disk"
    echo 'type=linux,name=twisterlab-edge' | sfdisk --quiet --label gpt "$disk"
    udevadm settle
    partition=$(our_partition "$disk")
  fi
  # Only what is empty, and can be read, is given a filesystem; blkid says the same of a disk that is failing.
  local signatures
  signatures=$(wipefs --no-act --noheadings -- "$partition") || refuse "$partition cannot be read"
  [[ -n $signatures ]] || mkfs.ext4 -q -- "$partition"
  [[ -n $(blkid -s UUID -o value "$partition") ]] || refuse "$partition carries something that is no filesystem: ${signatures%%$'\n'*}"
  mkdir -p -- "$1"
  add_fstab_line "UUID=$(blkid -s UUID -o value "$partition") $1 ext4 defaults,noatime,nofail 0 2"
  mount -- "$1"
}

# our_partition DISK: the partition that prepare_disk made, if the disk has that one and no other.
our_partition() {
  lsblk --noheadings --paths --raw --output NAME,TYPE,PARTLABEL "$1" \
    | awk '$2 == "part" { count++; if ($3 == "twisterlab-edge") ours = $1 } END { if (count == 1) print ours }'
}

add_fstab_line() {
  grep --quiet --line-regexp --fixed-strings -- "$1" "$FSTAB" || edit_fstab checked with_line "$1"
}
with_line() { awk -v line="$1" '{ print } END { print line }'; }

wait_for_mount() {
  (umask 022 && mkdir -p -- "$UNITS/$1.service.d")
  printf '[Unit]\nRequiresMountsFor=%s\n' "$2" | keep "$UNITS/$1.service.d/50-twisterlab-edge-data-root.conf"
  systemctl daemon-reload
}

enough_room() {
  local used free
  # Files come and go under a running service: du then ends with 1 and is right all the same.
  used=$( (du --summarize --one-file-system --block-size=1 -- "$1" 2> /dev/null || true) | cut -f1)
  free=$(df --output=avail --block-size=1 -- "$2" | tail -n 1)
  # What an earlier copy has there already is not needed again.
  [[ ! -d $3 ]] || free=$((free + $(du --summarize --one-file-system --block-size=1 -- "$3" | cut -f1)))
  # A tenth more than needed: the copy goes on while the service still writes.
  ((free > used + used / 10)) || refuse "$2 has $free bytes free, $1 holds $used"
}

stop_service() {
  case $1 in
    docker) systemctl stop docker.socket docker ;;
    # Pods outlive `systemctl stop k3s` and would write on.
    k3s) k3s-killall.sh > /dev/null 2>&1 ;;
    *) refuse "'$1' is not a service this verb knows" ;;
  esac
}

start_service() {
  case $1 in
    docker) activate_docker ;;
    k3s) activate_k3s ;;
  esac
}
