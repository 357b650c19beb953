# The entry point's verbs. Every verb reads its parameters from standard input: nothing of them is in a command line.

main() {
  case ${1:-} in
    observe) observe ;;
    attached) perform "${@:2}" ;;
    *) outlive_connection "$@" ;;
  esac
}

# A change runs to its end when the connection drops: the next run then finds it done, never half. So everything that
# comes from the connection is read first, to its end (the SSH library on the other side takes a command that leaves
# some of it unread for a failed one), and what is said waits in files, because a write to a connection that is gone
# would end us.
outlive_connection() {
  local waiting status=0
  trap '' HUP PIPE
  waiting=$(mktemp -d "$RUN/twisterlab-edge.XXXXXX")
  # shellcheck disable=SC2064 # the name as it is now
  trap "rm -rf -- '$waiting'" EXIT
  cat > "$waiting/input"
  bash "$0" attached "$@" < "$waiting/input" > "$waiting/output" 2> "$waiting/errors" || status=$?
  cat -- "$waiting/output" || true
  cat -- "$waiting/errors" >&2 || true
  return "$status"
}

perform() {
  take_turn
  case "$*" in
    "host-file put") host_file_put ;;
    "host-file undo") host_file_undo ;;
    "logical-volume grow") logical_volume_grow ;;
    "volume-group add-disk") volume_group_add_disk ;;
    "reclaim-space run") reclaim_space_run ;;
    "mount-options put") mount_options_put ;;
    "mount-options undo") mount_options_undo ;;
    "data-root move") data_root_move ;;
    "data-root undo") data_root_undo ;;
    "disk-benchmark run") disk_benchmark_run ;;
    "leave "*) leave "$2" ;;
    *)
      printf "twisterlab-edge: '%s' is not something this entry point does\n" "$*" >&2
      exit 64
      ;;
  esac
}

# leave STACK: one user of the entry point less; the last one takes it away. The records stay: they hold what was on the
# host before us.
leave() {
  [[ ${1:-} =~ ^[a-z0-9-]+$ ]] || refuse "'${1:-}' is not a stack name"
  rm -f -- "$STATE/users/$1"
  [[ -n $(ls -A -- "$STATE/users" 2> /dev/null) ]] || rm -f -- "$ENTRY"
  say "left $1"
}

main "$@"
