# data-root move|undo: moves /var/lib/docker or /var/lib/rancher to another disk: copy, verify, switch. The old data
# stays beside the mount as PATH.before-twisterlab-edge until somebody removes it on purpose.
#
# The new place is a bind mount in /etc/fstab, which serves Docker and K3s alike, and the service is told to wait for it:
# without that a missing disk would let it start on an empty folder.

data_root_move() {
  read_params item path disk_serial mount format service
  need item path disk_serial mount format service
  need_commands rsync findmnt lsblk systemctl
  local path=${PARAM[path]} mount=${PARAM[mount]} service=${PARAM[service]} target copied record
  target=$mount/$(basename -- "$path") record=$(item_folder "${PARAM[item]}")

  if mountpoint --quiet -- "$path" && [[ $(findmnt -no SOURCE -- "$path") == *"[/$(basename -- "$path")]" ]]; then
    say "$path is on $mount"
    return 0
  fi
  [[ -d $path && ! -L $path ]] || refuse "$path is not a folder"
  [[ ! -e $path.before-twisterlab-edge ]] || refuse "$path.before-twisterlab-edge exists from an earlier move"
  prepare_disk "$mount" "${PARAM[disk_serial]}" "${PARAM[format]}"
  [[ ! -e $target ]] || refuse "$target exists already"
  enough_room "$path" "$mount"

  # First copy while the service runs, second while it stands: the outage is only the difference.
  copied=$target.partial
  rsync --archive --hard-links --acls --xattrs --one-file-system --numeric-ids --delete -- "$path/" "$copied/" || true
  stop_service "$service"
  if ! rsync --archive --hard-links --acls --xattrs --one-file-system --numeric-ids --delete -- "$path/" "$copied/" \
    || [[ -n $(rsync --archive --hard-links --acls --xattrs --one-file-system --numeric-ids --delete --dry-run --itemize-changes --checksum -- "$path/" "$copied/") ]]; then
    start_service "$service" || failed_needs_help "$service does not start again"
    failed_old_state_back "the copy of $path differs from its source"
  fi

  keep_original /etc/fstab "$record"
  mv -T -- "$copied" "$target"
  mv -T -- "$path" "$path.before-twisterlab-edge"
  mkdir -m 0711 -- "$path"
  add_fstab_line "$target $path none bind,x-systemd.requires-mounts-for=$mount 0 0"
  wait_for_mount "$service" "$path"
  if mount -- "$path" && start_service "$service"; then
    sha256sum < /etc/fstab | cut -d' ' -f1 > "$record/installed"
    say "moved $path to $target; the old data is in $path.before-twisterlab-edge"
    return 0
  fi
  switch_back "$path" "$service" "$record"
  failed_old_state_back "$service does not run from $target"
}

data_root_undo() {
  read_params item path disk_serial mount format service
  need item path mount service
  local path=${PARAM[path]} service=${PARAM[service]} record
  record=$(item_folder "${PARAM[item]}")
  if [[ ! -e $record/installed ]]; then
    say "$path was never moved by us"
    return 0
  fi
  [[ -d $path.before-twisterlab-edge ]] || refuse "the data from before the move is gone: $path stays on ${PARAM[mount]}"
  # What was written since the move is only on the new disk: it is copied back before the switch.
  enough_room "$path" "$(dirname -- "$path")"
  stop_service "$service"
  rsync --archive --hard-links --acls --xattrs --one-file-system --numeric-ids --delete -- "$path/" "$path.before-twisterlab-edge/" \
    || { start_service "$service" && failed_old_state_back "$path could not be copied back"; }
  switch_back "$path" "$service" "$record"
  rm -rf -- "$record"
  say "moved $path back; the copy on ${PARAM[mount]} was left where it is"
}

switch_back() {
  ! mountpoint --quiet -- "$1" || umount -- "$1" || failed_needs_help "$1 cannot be unmounted"
  bring_back /etc/fstab "$3/original"
  rm -f -- "/etc/systemd/system/$2.service.d/50-twisterlab-edge-data-root.conf"
  systemctl daemon-reload
  if ! rmdir -- "$1" || ! mv -T -- "$1.before-twisterlab-edge" "$1"; then
    failed_needs_help "the old data is in $1.before-twisterlab-edge"
  fi
  start_service "$2" || failed_needs_help "$2 does not start on its old data"
}

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
  must_be_empty_disk "$disk"
  need_commands sfdisk mkfs.ext4 udevadm
  echo 'type=linux' | sfdisk --quiet --label gpt "$disk"
  udevadm settle
  partition=$(lsblk --noheadings --paths --list --output NAME,TYPE "$disk" | awk '$2 == "part" { print $1; exit }')
  mkfs.ext4 -q -- "$partition"
  mkdir -p -- "$1"
  add_fstab_line "UUID=$(blkid -s UUID -o value "$partition") $1 ext4 defaults,noatime,nofail 0 2"
  mount -- "$1"
}

add_fstab_line() {
  local staged
  staged=$(mktemp /etc/fstab.XXXXXX)
  cp --archive -- /etc/fstab "$staged"
  printf '%s\n' "$1" >> "$staged"
  validate_fstab "$staged" /etc/fstab
  sync -- "$staged"
  mv -fT -- "$staged" /etc/fstab
  systemctl daemon-reload
}

wait_for_mount() {
  (umask 022 && mkdir -p -- "/etc/systemd/system/$1.service.d")
  printf '[Unit]\nRequiresMountsFor=%s\n' "$2" > "/etc/systemd/system/$1.service.d/50-twisterlab-edge-data-root.conf"
  systemctl daemon-reload
}

enough_room() {
  local used free
  used=$(du --summarize --one-file-system --block-size=1 -- "$1" | cut -f1)
  free=$(df --output=avail --block-size=1 -- "$2" | tail -n 1)
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
