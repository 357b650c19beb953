# The entry point's verbs. Every verb reads its parameters from standard input: nothing of them is in a command line.

main() {
  case "$*" in
    observe) observe ;;
    "lease take") lease_take ;;
    "lease release") lease_release ;;
    "lease break") lease_break ;;
    watch) watch_armed ;;
    revert-at-boot) revert_at_boot ;;
    go-back\ *) go_back_itself "${@:2}" ;;
    units) put_revert_units ;;
    # What timers run; they change nothing that a run of ours has made.
    disk-alert) disk_alert ;;
    disk-cleanup) disk_cleanup ;;
    backup-log) backup_log ;;
    k3s-backup) k3s_backup ;;
    backup-copy) backup_copy ;;
    # What a person runs on the host.
    "backup-copy list") backup_copy_list ;;
    "backup-copy fetch"*) backup_copy_fetch "${@:3}" ;;
    # The entry point replaces itself: standard input carries install.sh and the new bundle.
    install\ *) exec bash -s -- "${@:2}" ;;
    attached\ *) perform "${@:2}" ;;
    *) outlive_connection "$@" ;;
  esac
}

# A change runs to its end when the connection drops: the next run then finds it done, never half. So everything that
# comes from the connection is read first, to its end (the SSH library on the other side takes a command that leaves
# some of it unread for a failed one), and what is said waits in files, because a write to a connection that is gone
# would end us. What was read may be a secret: it is in memory only, in a folder only root can read, and its name is gone
# before it is used.
outlive_connection() {
  local waiting input status=0
  trap '' HUP PIPE
  waiting=$(mktemp -d "$RUN/twisterlab-edge.XXXXXX")
  # shellcheck disable=SC2064 # the name as it is now
  trap "rm -rf -- '$waiting'" EXIT
  cat > "$waiting/input"
  exec {input}< "$waiting/input"
  rm -f -- "$waiting/input"
  bash "$0" attached "$@" <&"$input" > "$waiting/output" 2> "$waiting/errors" || status=$?
  cat -- "$waiting/output" || true
  cat -- "$waiting/errors" >&2 || true
  return "$status"
}

# perform VERB ACTION [--revision NUMBER]
perform() {
  local verb="$1 ${2:-}" revision=
  case "$*" in
    confirm\ --revision\ *) verb=confirm ;;
    *\ --revision\ *) revision=${*: -1} ;;
  esac
  [[ -z $revision || $revision =~ ^[0-9]+$ ]] || refuse "'$revision' is not a revision"
  take_turn
  renew_lease
  local held=()
  (($(lease_left) == 0)) || mapfile -t held < "$LEASE"
  settle
  trap finish EXIT
  case $verb in
    confirm) confirm_change ;;
    "host-file put") host_file_put ;;
    "host-file undo") host_file_undo ;;
    "logical-volume grow") logical_volume_grow ;;
    "volume-group add-disk") volume_group_add_disk ;;
    "volume-group restore-metadata") volume_group_restore_metadata ;;
    "reclaim-space run") reclaim_space_run ;;
    "mount-options put") mount_options_put ;;
    "mount-options undo") mount_options_undo ;;
    "hosts-entry put") hosts_entry_put ;;
    "hosts-entry undo") hosts_entry_undo ;;
    "data-root move") data_root_move ;;
    "data-root undo") data_root_undo ;;
    "disk-benchmark run") disk_benchmark_run ;;
    "log-rotation put") log_rotation_put ;;
    "log-rotation undo") log_rotation_undo ;;
    "observer-account put") observer_account_put ;;
    "observer-account undo") observer_account_undo ;;
    "k3s-image import") k3s_image_import ;;
    "k3s-image undo") k3s_image_undo ;;
    "build-benchmark run") build_benchmark_run ;;
    "build-benchmark forget") build_benchmark_forget ;;
    "backup-folder make") backup_folder_make ;;
    "registry-folder make") registry_folder_make ;;
    "backup-copy prepare") backup_copy_prepare ;;
    "backup-copy forget") backup_copy_forget ;;
    "leave "*) leave "$2" ;;
    *)
      printf "twisterlab-edge: '%s' is not something this entry point does\n" "$*" >&2
      exit 64
      ;;
  esac
  [[ -z $revision ]] || record_revision "$revision"
  # This may have taken longer than the lease is given; nobody else could take it, because the turn was ours.
  ((${#held[@]} == 0 || $(lease_left) > 0)) || write_lease "${held[0]}" "${held[3]}"
}

# record_revision NUMBER: the item was applied so often. On this host, because a run that is killed tells nobody else.
record_revision() {
  local record
  record=$(item_folder "${PARAM[item]}")
  keep "$record/revision" <<< "$1"
}

# leave STACK: one user of the entry point less; the last one takes it away. The records stay: they hold what was on the
# host before us.
leave() {
  [[ ${1:-} =~ ^[a-z0-9-]+$ ]] || refuse "'${1:-}' is not a stack name"
  # A run that was killed may not have told anybody of it: without the entry point nothing would undo it.
  local armed
  armed=$(find "$ARMED" -mindepth 1 -printf '%f ' 2> /dev/null || true)
  [[ -z $armed ]] || refuse "changes wait to be confirmed or undone ($armed): try again in a moment"
  rm -f -- "$STATE/users/$1"
  if [[ -z $(ls -A -- "$STATE/users" 2> /dev/null) ]]; then
    remove_revert_units
    rm -f -- "$ENTRY"
  fi
  say "left $1"
}

main "$@"
