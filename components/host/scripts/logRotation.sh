# log-rotation put|undo: a stanza of ours in the file of logrotate that the logs already stand in. A log may stand in one
# stanza only: logrotate passes over the second, and fails. So our logs are commented out where they stood, line by line, and
# every other log keeps the stanza it has. Taking ours out again gives the file as it would be without us, byte for byte,
# also when a package or a person has changed the rest of it since.
#
# Parameters: item, path of the file, mode, owner, sha256 of the stanza, and the stanza as the content. The item's record is
# that of a host file (see hostFile.sh).

readonly LOGROTATE_CONF=${TWISTERLAB_EDGE_LOGROTATE_CONF:-/etc/logrotate.conf}

log_rotation_put() {
  read_params item path mode owner sha256
  need item path mode owner sha256
  need_commands logrotate python3
  local path=${PARAM[path]} record stanza staged
  [[ ! -L $path ]] || refuse "$path is a symbolic link"
  record=$(item_folder "${PARAM[item]}")
  stanza=$(mktemp -- "$RUN/twisterlab-edge.XXXXXX")
  staged=$(new_file_beside "$path")
  remove_at_exit "$stanza" "$staged"
  cat > "$stanza"
  printf '%s  %s\n' "${PARAM[sha256]}" "$stanza" | sha256sum --check --status || refuse "the stanza for $path arrived incomplete"
  with_stanza "$stanza" "$path" > "$staged" || refuse "$path could not be read as logrotate reads it"
  chown -- "${PARAM[owner]}" "$staged"
  chmod -- "${PARAM[mode]}" "$staged"
  validate_logrotate "$staged" "$path"
  PARAM[activate]=logrotate
  install_staged "$staged" "$path" "$record"
}

log_rotation_undo() {
  read_params item path mode owner sha256
  need item path
  need_commands logrotate python3
  local path=${PARAM[path]} record staged
  record=$(item_folder "${PARAM[item]}")
  if [[ ! -e $record/installed || ! -e $path ]]; then
    rm -rf -- "$record"
    say "$path has nothing of ours"
    return 0
  fi
  staged=$(new_file_beside "$path")
  remove_at_exit "$staged"
  with_stanza /dev/null "$path" > "$staged" || refuse "$path could not be read as logrotate reads it"
  chown --reference="$path" -- "$staged"
  chmod --reference="$path" -- "$staged"
  if [[ -e $record/original ]]; then
    chown --reference="$record/original" -- "$staged"
    chmod --reference="$record/original" -- "$staged"
  fi
  sync -- "$staged"
  # One rename, which a next run does again should we die after it: nothing of this has to be armed.
  if [[ -e $record/original.absent && ! -s $staged ]]; then
    rm -f -- "$path"
  else
    mv -fT -- "$staged" "$path"
  fi
  sync -- "$(dirname -- "$path")"
  rm -rf -- "$record"
  say "took our stanza out of $path"
  # What was there before us may have had a fault, and comes back with it.
  healthy_logrotate "$path" || say "logrotate finds a fault in its configuration, which is no longer ours: logrotate --debug $LOGROTATE_CONF"
}

# validate_logrotate STAGED PATH: logrotate reads the whole configuration, with the staged file in its place, without a fault.
validate_logrotate() {
  local report
  report=$(rotation_faults "$1" "$2") || refuse "logrotate does not accept its configuration with the new $2: ${report//$'\n'/; }"
}

rotation_faults() (
  local folder status=0 report
  folder=$(mktemp -d -- "$RUN/twisterlab-edge.XXXXXX") || return 1
  # shellcheck disable=SC2064 # the name as it is now
  trap "rm -rf -- '$folder'" EXIT
  cp --archive -- "$(dirname -- "$2")" "$folder/d" \
    && cp --archive -- "$1" "$folder/d/${2##*/}" \
    && sed "s|$(dirname -- "$2")|$folder/d|g" -- "$LOGROTATE_CONF" > "$folder/conf" || return 1
  report=$(timeout 60 logrotate --debug "$folder/conf" 2>&1) || status=$?
  grep '^error:' <<< "${report//$folder\/d/$(dirname -- "$2")}" || return "$status"
  return 1
)

# Nobody has to be told: logrotate reads its files each time it runs.
activate_logrotate() { healthy_logrotate "$1"; }

# It reads everything without a fault, and our logs among it: a file that others may write to it passes over with a good
# exit code.
healthy_logrotate() {
  local report log
  report=$(timeout 60 logrotate --debug "$LOGROTATE_CONF" 2>&1) || return 1
  while read -r log; do
    grep --quiet --fixed-strings --line-regexp -e "considering log $log" <<< "$report" || return 1
  done < <(awk '/^# twisterlab-edge end/ { exit } /^\{/ { inside = 0 } inside; /^# twisterlab-edge begin/ { inside = 1 }' "$1" 2> /dev/null)
}

# with_stanza STANZA PATH: PATH with the stanza in it, our logs commented out elsewhere; with an empty one, without us.
with_stanza() {
  if [[ -e $2 ]]; then
    python3 -c "$WITH_STANZA" "$1" < "$2"
  else
    cat -- "$1"
  fi
}

readonly WITH_STANZA='
import shlex, sys
# A line that does not count for now, and a line that the next one stands for.
OUT, INSTEAD = "#twisterlab-edge out# ", "#twisterlab-edge instead# "
SCRIPTS = ("prerotate", "postrotate", "firstaction", "lastaction", "preremove")

def without_us(lines):
    lines = iter(lines)
    for line in lines:
        if line.startswith("# twisterlab-edge begin"):
            while not line.startswith("# twisterlab-edge end"):
                line = next(lines, None) or sys.exit("our stanza has no end")
        elif line.startswith(OUT):
            yield line[len(OUT):]
        elif line.startswith(INSTEAD):
            yield line[len(INSTEAD):]
            next(lines, None)
        else:
            yield line

def logs(line):
    return [] if line.lstrip().startswith("#") else shlex.split(line.split("{")[0])

def without_logs(lines, ours):
    header, body, script = [], None, False
    for line in lines:
        text = line.strip()
        if body is None and not header and not text.startswith(("/", "~", "\"", "\x27")):
            yield line
        elif body is None:
            header.append(line)
            if "{" in text and not text.startswith("#"):
                body = []
        else:
            body.append(line)
            if script:
                script = text != "endscript"
            elif text in SCRIPTS:
                script = True
            elif text.startswith("}"):
                yield from stanza_without_logs(header, body, ours)
                header, body = [], None
    yield from header + (body or [])

def stanza_without_logs(header, body, ours):
    if all(log in ours for line in header for log in logs(line)):
        yield from (OUT + line for line in header + body)
        return
    for line in header:
        kept = [log for log in logs(line) if log not in ours]
        brace = line[line.index("{"):] if "{" in line and not line.lstrip().startswith("#") else ""
        if len(kept) == len(logs(line)):
            yield line
        elif kept or brace:
            yield INSTEAD + line
            yield " ".join(shlex.quote(log) for log in kept) + (" " + brace if kept and brace else brace or "\n")
        else:
            yield OUT + line
    yield from body

stanza = open(sys.argv[1], newline="").read()
header = stanza.split("{")[0]
ours = [log for line in header.splitlines() for log in logs(line)]
there = sys.stdin.buffer.read().decode("utf-8", "surrogateescape").splitlines(True)
result = stanza + "".join(without_logs(without_us(there), ours) if ours else without_us(there))
sys.stdout.buffer.write(result.encode("utf-8", "surrogateescape"))
'
