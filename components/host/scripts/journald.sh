# The check and the proof of our drop-in for journald. It reads its files in the order of their names, those of all folders
# together, and the last assignment counts: a file that comes after ours would silently have its way.

readonly JOURNAL=${TWISTERLAB_EDGE_JOURNAL:-/var/log/journal}

validate_journald() {
  need_commands systemd-analyze
  local overrides
  overrides=$(journald_overrides "$1" "$2") || refuse "the files that journald reads cannot be listed"
  [[ -z $overrides ]] || refuse "journald reads other files after $2, which set it otherwise (${overrides//$'\n'/; }): take those lines out, or the file"
}

# journald keeps the sockets of the services that write to it: a restart loses nothing.
activate_journald() {
  timeout 60 systemctl restart systemd-journald && wait_until 60 healthy_journald "$1"
}

# It runs, and with what our file says: by the files, and for the limit by its own words.
healthy_journald() {
  systemctl is-active --quiet systemd-journald || return 1
  [[ -e $1 ]] || return 0
  local effective assignment
  effective=$(journald_config | journald_assignments | last_of_each_key) || return 1
  while read -r assignment; do
    grep --quiet --fixed-strings --line-regexp -e "$assignment" <<< "$effective" || return 1
  done < <(grep '^[A-Z].*=' -- "$1")
  has_journal_limit "$1"
}

# journald_overrides STAGED PATH: what files that journald reads after PATH set otherwise than STAGED, as `FILE KEY=VALUE`.
journald_overrides() {
  local assignments file assignment
  assignments=$(journald_config | journald_assignments) || return 1
  while read -r file assignment; do
    [[ $file == *.conf.d/* && ${file##*/} > ${2##*/} ]] || continue
    # One of our keys, with another value.
    if grep --quiet "^${assignment%%=*}=" -- "$1" && ! grep --quiet --fixed-strings --line-regexp -e "$assignment" -- "$1"; then
      printf '%s %s\n' "$file" "$assignment"
    fi
  done <<< "$assignments"
}

# Every file that journald reads, in its order, each after a line `# PATH`.
journald_config() { timeout 10 systemd-analyze cat-config systemd/journald.conf; }

# journald_assignments: what is set in them, as `FILE KEY=VALUE`.
journald_assignments() {
  awk '
    /^# \/[^[:space:]]+$/ { file = $2 }
    { gsub(/^[[:space:]]+|[[:space:]]+$/, ""); sub(/[[:space:]]*=[[:space:]]*/, "=") }
    /^\[/ { section = $0 }
    section == "[Journal]" && /^[A-Za-z]+=/ { print file, $0 }'
}

last_of_each_key() {
  awk '
    { sub(/^[^ ]+ /, ""); key = $0; sub(/=.*/, "", key); last[key] = $0 }
    END { for (key in last) print last[key] }'
}

# has_journal_limit PATH: what journald, when it started, said it would take at most. It counts in whole pages. A journal in
# memory alone has no such limit.
has_journal_limit() {
  [[ -d $JOURNAL ]] || return 0
  local pid wanted has
  pid=$(systemctl show --property MainPID --value systemd-journald)
  wanted=$(sed -n 's/^SystemMaxUse=//p' -- "$1" | numfmt --from=iec)
  # The message is that of a journal's size; see systemd's catalog.
  has=$(timeout 30 journalctl --quiet --boot --output cat --output-fields MAX_USE "_PID=$pid" \
    MESSAGE_ID=ec387f577b844b8fa948f33cad9a75e6 "JOURNAL_NAME=System Journal" | tail -n 1)
  [[ $has =~ ^[0-9]+$ ]] && ((has >= wanted && has - wanted < 65536))
}
