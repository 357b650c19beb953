# disk-cleanup: what a timer runs each day. When / is fuller than `threshold` percent, it frees what can be had again, step
# by step, until it is not. Never a volume, a container or data; of logs only what the journal has above `journal_limit`
# bytes, and never an entry of the last day: that may be of the trouble somebody is looking for. Rotated logs are the
# rotation's own.
#
# With `dry_run: true` it only says what it would do. As its unit would run it now, for instance:
#   { echo 'dry_run: true'; systemctl show -P StandardInputData twisterlab-edge-disk-cleanup | base64 -d; } \
#     | sudo twisterlab-edge disk-cleanup
#
# $STATE/disk-cleanup.last tells of the last time it had something to do.

readonly CLEANUP_STEPS=(packages journal temporary_files docker_images k3s_images)
# Older than this, and not read for as long, a temporary file is forgotten. Seed of the number: systemd's own for /tmp.
readonly TEMPORARY_DAYS=10

disk_cleanup() {
  read_params threshold journal_limit dry_run
  need threshold journal_limit
  local dry_run=${PARAM[dry_run]:-false} used step report
  used=$(percent_used)
  if [[ $dry_run == true ]]; then
    say "/ is $used % full; above ${PARAM[threshold]} % these would be cleared, one after the other, until it is not:"
    for step in "${CLEANUP_STEPS[@]}"; do
      say "$step: $("would_clean_$step" 2> /dev/null || printf 'cannot be told now')"
    done
    return 0
  fi
  if ((used <= PARAM[threshold])); then
    say "/ is $used % full, the limit is ${PARAM[threshold]} %: nothing to do"
    return 0
  fi
  if ! may_clean; then
    say "somebody is changing this host: not now"
    return 0
  fi
  report="at: $(date -u +%Y-%m-%dT%H:%M:%SZ)"$'\n'"before: $used % of / used"
  for step in "${CLEANUP_STEPS[@]}"; do
    ((used > PARAM[threshold])) || break
    report+=$'\n'"$step: $(clean "$step")"
    used=$(percent_used)
  done
  report+=$'\n'"after: $used % of / used"
  say "$report"
  keep "$STATE/disk-cleanup.last" <<< "$report"
}

# True, and the turn taken, when nobody changes the host, has it for a run, or has a change to confirm: what we hold up would
# not be undone in time.
may_clean() {
  (($(lease_left) == 0)) && take_turn_now && [[ -z $(ls -A -- "$ARMED" 2> /dev/null) ]]
}

# clean STEP: what it freed, or why it could not. In a process of its own, so that an error ends the step, and only the step.
clean() {
  local before freed errors
  before=$(bytes_free)
  errors=$(mktemp -- "$RUN/twisterlab-edge.XXXXXX")
  (
    # What is between $( ) does not have it.
    set -o errexit
    "clean_$1"
  ) > /dev/null 2> "$errors" &
  if wait $!; then
    freed=$(($(bytes_free) - before))
    printf 'freed %s' "$(iec $((freed > 0 ? freed : 0)))"
  else
    printf 'failed: %s' "$(tail -n 1 -- "$errors")"
  fi
  rm -f -- "$errors"
}

percent_used() { df --output=pcent / | tail -n 1 | tr -d ' %'; }
bytes_free() { df --output=avail --block-size=1 / | tail -n 1; }

# ---- clean_STEP frees; would_clean_STEP says what that would be.

clean_packages() {
  ! command -v apt-get > /dev/null || timeout 300 apt-get --quiet --quiet clean
}
would_clean_packages() {
  du --summarize --block-size=1 /var/cache/apt/archives | { read -r bytes _ && iec "$bytes"; }
}

clean_journal() {
  [[ ! -d $JOURNAL ]] || journalctl --quiet --vacuum-size="$(journal_floor)"
}
would_clean_journal() {
  [[ -d $JOURNAL ]] || return 0
  local above
  above=$(($(journal_bytes) - $(journal_floor)))
  iec $((above > 0 ? above : 0))
}

# The limit or, when the last day alone has more, that. Whole files go, the oldest first.
journal_floor() {
  local last_day
  last_day=$(journal_bytes -mmin -1440)
  printf '%s' $((last_day > PARAM[journal_limit] ? last_day : PARAM[journal_limit]))
}

# journal_bytes TEST...: what the journal's files take that pass find's tests.
journal_bytes() {
  find "$JOURNAL" -type f "$@" -printf '%b\n' | awk '{ blocks += $1 } END { printf "%d", blocks * 512 }'
}

# systemd-tmpfiles knows what must stay: what is in use, and what others have made exceptions for. The first line for a
# folder counts.
clean_temporary_files() {
  {
    printf 'e %s - - - %sd\n' /tmp "$TEMPORARY_DAYS" /var/tmp "$TEMPORARY_DAYS"
    systemd-tmpfiles --cat-config
  } | timeout 600 systemd-tmpfiles --clean --prefix=/tmp --prefix=/var/tmp -
}
would_clean_temporary_files() {
  local bytes
  bytes=$(find /tmp /var/tmp -xdev -type f -mtime "+$TEMPORARY_DAYS" -atime "+$TEMPORARY_DAYS" -ctime "+$TEMPORARY_DAYS" \
    -printf '%b\n' | awk '{ blocks += $1 } END { printf "%d", blocks * 512 }')
  printf 'at most %s' "$(iec "$bytes")"
}

clean_docker_images() {
  ! command -v docker > /dev/null || remove_unused_docker_images
}
would_clean_docker_images() {
  command -v docker > /dev/null || return 0
  local dangling cache
  dangling=$(docker image ls --filter dangling=true --format '{{.ID}} ({{.Size}})') || return 1
  cache=$(docker system df --format '{{.Type}} ({{.Size}})' | grep Cache) || return 1
  printf 'dangling %s; what is older than a week of the %s' "${dangling//$'\n'/ }" "$cache"
}

clean_k3s_images() {
  ! command -v k3s > /dev/null || remove_unused_k3s_images
}
would_clean_k3s_images() {
  command -v k3s > /dev/null || return 0
  local images
  images=$(unused_k3s_images | cut -d ' ' -f 2) || return 1
  printf '%s' "${images//$'\n'/ }"
}
