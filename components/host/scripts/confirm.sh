# confirm; watch; revert-at-boot: a change that could cut the host off, or stop its services, undoes itself unless it is
# confirmed, by a health check that came over a new connection.
#
# Before such a change its verb arms the item: $STATE/armed/ITEM says how to go back. While that file is there
#  - twisterlab-edge-revert.service watches: it goes back when nobody confirms in time, or when the verb died half-way;
#  - twisterlab-edge-revert-at-boot.service goes back at the next boot, before local mounts, Docker and K3s.
# Both are units on the disk: a transient one would die with the reboot that a bad change may bring.
#
# An armed file has three lines: KIND (how to go back, `revert_KIND` and `healthy_KIND`), the id of the boot it was armed
# in, and the uptime at which the time is over, or `changing` while the verb works. Uptime, because a clock that is set
# must neither undo a change nor keep one for ever.

readonly ARMED=$STATE/armed
# Room on the disk for the way back, given up when it is gone: a disk that fills up must not keep a bad change in place.
readonly ROOM=$STATE/room
# Exit codes of a way back: it has to wait until the host has booted; the old state is back and does not work.
readonly LATER=75
readonly UNHEALTHY=76
# The item that this very verb has armed and not yet brought to an end.
ARMING=
readonly REVERT_SERVICE=twisterlab-edge-revert.service
readonly REVERT_AT_BOOT=twisterlab-edge-revert-at-boot.service

# arm ITEM KIND: from here on the change undoes itself, also when this verb fails or dies. Called with the turn taken,
# when all that going back needs is in the item's record, and before anything else is changed.
arm() {
  [[ ${PARAM[confirm_within]:-0} =~ ^[0-9]+$ ]] || refuse "confirm_within is no number of seconds"
  if ! { fallocate --posix --length 1MiB "$ROOM" && sync -- "$ROOM"; } 2> /dev/null; then
    rm -f -- "$ROOM"
    refuse "there is no room on the disk of $STATE for the way back"
  fi
  write_armed "$1" "$2" changing
  ARMING=$1
  # A file that no service reads is replaced in one step: should we die before, the next change or boot tidies up.
  [[ ${PARAM[activate]:-some} == none && -z ${PARAM[confirm_within]:-} ]] && return 0
  # Not `start`: one that runs may just have seen that nothing is armed, and be on its way out.
  systemctl restart "$REVERT_SERVICE" || {
    disarm "$1"
    refuse "$REVERT_SERVICE does not start: nobody would undo the change"
  }
}

# await_confirmation ITEM KIND: the change works as seen from here; where it must be confirmed, the time for that begins.
await_confirmation() {
  rm -f -- "$STATE/items/$1/reverted"
  if [[ -n ${PARAM[confirm_within]:-} ]]; then
    write_armed "$1" "$2" $(($(uptime_seconds) + PARAM[confirm_within]))
    ARMING=
  else
    disarm "$1"
  fi
}

disarm() {
  ARMING=
  rm -f -- "$ARMED/$1" "$ARMED/.$1.new"
  [[ ! -d $ARMED ]] || sync -- "$ARMED"
  [[ -n $(ls -A -- "$ARMED" 2> /dev/null) ]] || rm -f -- "$ROOM"
}

write_armed() {
  mkdir -p -- "$ARMED"
  printf '%s\n' "$2" "$(boot_id)" "$3" | keep "$ARMED/$1"
}

# finish: what every verb ends with, however it ends. Exit code 70: the old state is back; 71: it is not.
finish() {
  local status=$?
  rm -f -- "${STAGED[@]}"
  [[ -n $ARMING ]] || return "$status"
  if revert "$ARMING" "the change failed"; then
    printf 'twisterlab-edge: failed, the old state is back\n' >&2
    exit 70
  fi
  printf 'twisterlab-edge: FAILED AND NOT RESTORED: see journalctl -t twisterlab-edge\n' >&2
  exit 71
}

# settle: a change whose verb died half-way is undone before the next one begins.
settle() {
  local file armed
  for file in "$ARMED"/*; do
    [[ -f $file ]] || continue
    mapfile -t armed < "$file"
    if [[ ${armed[2]} == changing ]]; then
      revert "${file##*/}" "the change was cut off half-way" || failed_needs_help "${file##*/} could not be undone"
    fi
  done
}

# confirm: that this verb runs proves that the host can be reached and lets us in; the service must be healthy too.
confirm_change() {
  read_params item change
  need item
  local item=${PARAM[item]} armed
  item_folder "$item" > /dev/null
  if [[ ! -e $ARMED/$item ]]; then
    [[ ! -e $STATE/items/$item/reverted ]] || failed_old_state_back "$item: $(< "$STATE/items/$item/reverted")"
    say "$item has nothing to confirm"
    return 0
  fi
  mapfile -t armed < "$ARMED/$item"
  [[ ${armed[1]} == "$(boot_id)" ]] || refuse "$item was changed before the host booted again: it is undone"
  if ! "healthy_${armed[0]//-/_}" "$item"; then
    revert "$item" "it was not healthy when it was to be confirmed" || failed_needs_help "$item could not be undone"
    failed_old_state_back "$item was not healthy when it was to be confirmed"
  fi
  disarm "$item"
  say "$item is confirmed"
}

# watch: what twisterlab-edge-revert.service runs. Ends when nothing is armed.
watch_armed() {
  verify_reverted_at_boot
  local item
  while item=$(first_armed); do
    if is_due "$item"; then
      # The turn tells a verb that works from one that died: it is held as long as the verb lives.
      take_turn_now && {
        # A disk that is read-only now, say, may be another one in a while.
        ! is_due "$item" || revert "$item" "$(why_due "$item")" || sleep 10
        give_turn_back
      }
    fi
    sleep 1
  done
}

first_armed() {
  local file found=
  for file in "$ARMED"/*; do
    # Somebody may confirm it just now.
    [[ -f $file ]] || continue
    found=${file##*/}
    # Of several, one that is due goes first.
    ! is_due "$found" || break
  done
  [[ -n $found ]] && printf '%s' "$found"
}

is_due() {
  local armed
  # Somebody may confirm it just now.
  mapfile -t armed 2> /dev/null < "$ARMED/$1" || return 1
  [[ ${armed[1]} != "$(boot_id)" || ${armed[2]} == changing ]] || (($(uptime_seconds) >= armed[2]))
}

why_due() {
  local armed
  mapfile -t armed < "$ARMED/$1"
  if [[ ${armed[1]} != "$(boot_id)" ]]; then
    printf 'the host booted again before it was confirmed'
  elif [[ ${armed[2]} == changing ]]; then
    printf 'the change was cut off half-way'
  else
    printf 'nobody confirmed it in time'
  fi
}

# revert ITEM WHY: the old state comes back and is verified. What stops the way back (a command that was killed, a disk that
# is full) may be over in a moment; a service that does not run with the old state either needs somebody.
revert() {
  local try status=0
  for try in 1 2 3; do
    ((try == 1)) || sleep 10
    status=0
    go_back "$1" now || status=$?
    ((status != 0 && status != UNHEALTHY)) || break
  done
  if ((status == 0)); then
    report_reverted "$1" warning "undone, because $2; the old state is back and healthy"
    disarm "$1"
  else
    report_reverted "$1" err "$2, AND THE OLD STATE DID NOT COME BACK HEALTHY: it needs help; what was there is in $STATE/items/$1"
    disarm "$1"
    return 1
  fi
}

# go_back ITEM now|boot: in a process of its own. In this one bash would not stop at an error, because we ask for the result,
# and go on to put half a file in its place; and one item that cannot be undone must not keep the others from it. It has our
# turn too: should only this process be killed, nobody else changes the host beside it.
go_back() { bash "$0" go-back "$@"; }

# go-back ITEM now|boot: `now` also puts it to work and proves that it does.
go_back_itself() {
  local armed
  trap 'rm -f -- "${STAGED[@]}"' EXIT
  mapfile -t armed < "$ARMED/$1"
  rm -f -- "$ROOM"
  "revert_${armed[0]//-/_}" "$1" "$2"
  [[ $2 == boot ]] || "healthy_${armed[0]//-/_}" "$1" || exit "$UNHEALTHY"
}

# revert-at-boot: files only, because no service runs yet; whether they come up is asked by `watch` later in the boot.
revert_at_boot() {
  local file item armed status
  # Somebody's fstab may have kept / read-only; options from fstab are not asked for.
  [[ -w $STATE ]] || mount -n -o remount,rw --options-source=disable / || true
  for file in "$ARMED"/*; do
    [[ -f $file ]] || continue
    item=${file##*/}
    mapfile -t armed < "$file"
    status=0
    go_back "$item" boot || status=$?
    # Still armed, and in another boot: the watching service goes back.
    if ((status != 0)); then
      ((status == LATER)) || logger --tag twisterlab-edge --priority daemon.err -- "$item: not undone at boot, tried again when the host is up" || true
      continue
    fi
    keep "$STATE/items/$item/unverified" <<< "${armed[0]}"
    report_reverted "$item" warning "undone at boot, because nobody had confirmed it"
    disarm "$item"
  done
  # fstab may be another one now than when this boot's mount units were made from it.
  systemctl daemon-reload || true
}

verify_reverted_at_boot() {
  local file item kind
  for file in "$STATE"/items/*/unverified; do
    [[ -f $file ]] || return 0
    item=$(basename -- "$(dirname -- "$file")")
    kind=$(< "$file")
    if wait_until 180 "healthy_${kind//-/_}" "$item"; then
      report_reverted "$item" warning "undone at boot, because nobody had confirmed it; the old state is back and healthy"
    else
      report_reverted "$item" err "undone at boot, AND THE OLD STATE IS NOT HEALTHY: it needs help"
    fi
    rm -f -- "$file"
  done
}

report_reverted() {
  keep "$STATE/items/$1/reverted" <<< "$(date -u +%Y-%m-%dT%H:%M:%SZ) $3"
  logger --tag twisterlab-edge --priority "daemon.$2" -- "$1: $3" || true
}

# units put|remove: the two units, with the entry point.
put_revert_units() {
  local changed=no
  # Every change that is armed restarts it, and there may be many in a row.
  write_unit "$REVERT_SERVICE" << UNIT
[Unit]
Description=Undo of changes to this host that nobody confirmed
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=$ENTRY watch
Restart=on-failure
RestartSec=2

[Install]
WantedBy=multi-user.target
UNIT
  # /var must be part of / for this: it runs before other file systems are mounted.
  write_unit "$REVERT_AT_BOOT" << UNIT
[Unit]
Description=Undo, before anything starts from it, of changes to this host that nobody confirmed
DefaultDependencies=no
After=systemd-remount-fs.service
Wants=local-fs-pre.target
Before=local-fs-pre.target docker.service docker.socket k3s.service shutdown.target
Conflicts=shutdown.target
ConditionDirectoryNotEmpty=$ARMED

[Service]
Type=oneshot
ExecStart=$ENTRY revert-at-boot

[Install]
WantedBy=sysinit.target
UNIT
  [[ $changed == no ]] || systemctl daemon-reload
  systemctl enable --quiet "$REVERT_SERVICE" "$REVERT_AT_BOOT"
}

remove_revert_units() {
  systemctl disable --quiet "$REVERT_SERVICE" "$REVERT_AT_BOOT" 2> /dev/null || true
  rm -f -- "$UNITS/$REVERT_SERVICE" "$UNITS/$REVERT_AT_BOOT"
  systemctl daemon-reload
}

# write_unit NAME: standard input becomes the unit file; sets `changed` when it was another one.
write_unit() {
  local staged
  staged=$(mktemp -- "$UNITS/.twisterlab-edge.XXXXXX")
  cat > "$staged"
  chmod 0644 -- "$staged"
  if cmp --silent -- "$staged" "$UNITS/$1"; then
    rm -f -- "$staged"
    return 0
  fi
  sync -- "$staged"
  mv -fT -- "$staged" "$UNITS/$1"
  sync -- "$UNITS"
  changed=yes
}
