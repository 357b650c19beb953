# What every verb of the entry point shares. Exit codes: 64 wrong call, 65 refused before anything was changed,
# 70 the change failed and the old state is back, 71 the change failed and the old state is NOT back.
set -Eeuo pipefail
umask 077
export LC_ALL=C
# The lock of take_turn is open in every command; LVM would say so at each call.
export LVM_SUPPRESS_FD_WARNINGS=1
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

readonly ENTRY=/usr/local/sbin/twisterlab-edge
# Overridden only by root (sudo drops the variables), to run the verbs against a scratch folder. /run is memory: a secret
# that comes by standard input does not touch a disk.
readonly STATE=${TWISTERLAB_EDGE_STATE:-/var/lib/twisterlab-edge}
readonly RUN=${TWISTERLAB_EDGE_RUN:-/run}
readonly FSTAB=${TWISTERLAB_EDGE_FSTAB:-/etc/fstab}
readonly HOSTS=${TWISTERLAB_EDGE_HOSTS:-/etc/hosts}
readonly UNITS=${TWISTERLAB_EDGE_UNITS:-/etc/systemd/system}

declare -A PARAM=()

say() { printf '%s\n' "$*"; }
refuse() {
  printf 'twisterlab-edge: refused, nothing was changed: %s\n' "$*" >&2
  exit 65
}
# fail: what is armed is undone on the way out (see confirm.sh), which decides between 70 and 71.
fail() {
  printf 'twisterlab-edge: %s\n' "$*" >&2
  exit 70
}
failed_old_state_back() {
  printf 'twisterlab-edge: failed, the old state is back: %s\n' "$*" >&2
  exit 70
}
failed_needs_help() {
  printf 'twisterlab-edge: FAILED AND NOT RESTORED: %s\n' "$*" >&2
  exit 71
}

# read_params NAME...: reads `name: value` lines from standard input up to the first empty line into PARAM.
# What follows the empty line stays unread: it is the content.
read_params() {
  local line name
  while IFS= read -r line; do
    [[ -n $line ]] || return 0
    name=${line%%: *}
    [[ $line == *": "* && " $* " == *" $name "* ]] || refuse "unknown parameter '$name'"
    PARAM[$name]=${line#*: }
  done
  refuse "the parameters arrived incomplete"
}

# need NAME...: the parameters a verb cannot do without.
need() {
  local name
  for name in "$@"; do
    [[ -n ${PARAM[$name]:-} ]] || refuse "parameter '$name' is missing"
  done
}

# remove_at_exit FILE...: staged files, gone however the verb ends.
STAGED=()
remove_at_exit() { STAGED+=("$@"); }

need_commands() {
  local command
  for command in "$@"; do
    command -v -- "$command" > /dev/null || refuse "the command '$command' is not installed on this host"
  done
}

# item_folder ITEM: where the record of an item lives (what was there before, what we installed).
item_folder() {
  [[ $1 =~ ^[a-z0-9-]+$ ]] || refuse "'$1' is not an item name"
  mkdir -p -- "$STATE/items/$1"
  printf '%s' "$STATE/items/$1"
}

# keep FILE: standard input, a text, becomes FILE, whole or not at all, and on the disk when this returns: after a power cut
# a file that was only renamed may be empty.
keep() {
  # Hidden, so that nobody who lists the folder takes it for one of its entries.
  local folder=${1%/*} staged=${1%/*}/.${1##*/}.new text
  IFS= read -r -d '' text || true
  printf '%s' "$text" > "$staged"
  sync -- "$staged"
  mv -fT -- "$staged" "$1"
  sync -- "$folder"
}

# forget FILE: the reverse of keep, with what a keep that was killed has left.
forget() { rm -f -- "$1" "${1%/*}/.${1##*/}.new"; }

# Without another process: whoever waits asks them each second.
boot_id() { printf '%s' "$(< /proc/sys/kernel/random/boot_id)"; }
uptime_seconds() {
  local uptime
  read -r uptime < /proc/uptime
  printf '%s' "${uptime%%.*}"
}
machine_id() { cat /etc/machine-id; }

# One change at a time on this host; a second run waits.
take_turn() {
  mkdir -p -- "$STATE"
  exec 9> "$STATE/turn"
  flock --wait 120 9 || refuse "another change has been running on this host for 120 s"
}

# take_turn_now: true when nobody else is changing the host; give_turn_back lets the next one in.
take_turn_now() {
  [[ -d $STATE ]] || mkdir -p -- "$STATE"
  exec 9> "$STATE/turn"
  flock --nonblock 9
}
give_turn_back() { exec 9>&-; }

# wait_until SECONDS COMMAND...: true as soon as COMMAND succeeds. By the uptime: bash's SECONDS goes by a clock that may be set.
wait_until() {
  local deadline=$(($(uptime_seconds) + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    (($(uptime_seconds) < deadline)) || return 1
    sleep 1
  done
}

# fstab_is_sound: asked before anything is changed. A fault in somebody else's line must not come up half-way.
fstab_is_sound() {
  local report
  report=$(findmnt --verify --tab-file "$FSTAB" 2>&1) || refuse "$FSTAB has a fault, mend that first: $report"
}

# edit_fstab checked|unchecked FILTER...: /etc/fstab goes through a filter, whole or not at all. `unchecked` is for the way
# back, which a fault of somebody else's in the file must not block.
edit_fstab() {
  local staged report
  # What a verb that died has left.
  rm -f -- "$FSTAB".twisterlab-edge.??????
  staged=$(mktemp -- "$FSTAB.twisterlab-edge.XXXXXX")
  remove_at_exit "$staged"
  "${@:2}" < "$FSTAB" > "$staged"
  # awk ends the last line, which may have had no end.
  [[ -z $(tail -c 1 -- "$FSTAB") ]] || truncate --size=-1 -- "$staged"
  chown --reference="$FSTAB" -- "$staged"
  chmod --reference="$FSTAB" -- "$staged"
  if [[ $1 == checked ]] && ! report=$(findmnt --verify --tab-file "$staged" 2>&1); then
    refuse "findmnt --verify does not accept the new $FSTAB: $report"
  fi
  sync -- "$staged"
  mv -fT -- "$staged" "$FSTAB"
  sync -- "$(dirname -- "$FSTAB")"
  systemctl daemon-reload
}

# disk_by_serial SERIAL: /dev path of the one whole disk with this serial. Letters (sda, sdb) move between boots.
# The comparison is of texts: awk would take 2105E4 and 21050000 for the same number.
disk_by_serial() {
  local found
  found=$(lsblk --nodeps --noheadings --paths --output NAME,SERIAL,TYPE \
    | awk -v serial="$1" '$2 "" == serial "" && $3 == "disk" { print $1 }')
  [[ -n $found ]] || refuse "no disk with the serial '$1' is on this host"
  [[ $found != *$'\n'* ]] || refuse "more than one disk has the serial '$1'"
  printf '%s' "$found"
}

# must_be_empty_disk DEVICE: no partition, no signature, not in use.
must_be_empty_disk() {
  [[ $(lsblk --noheadings --output NAME "$1" | wc -l) == 1 ]] || refuse "$1 has partitions or is in use"
  local signatures
  signatures=$(wipefs --no-act --noheadings -- "$1") || refuse "$1 cannot be read"
  [[ -z $signatures ]] || refuse "$1 carries a signature: ${signatures%%$'\n'*}"
  ! findmnt --noheadings --source "$1" > /dev/null || refuse "$1 is mounted"
}
