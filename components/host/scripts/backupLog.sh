# backup-log: what a timer runs every 15 minutes. Tells people of the backups: a line in $BACKUP_LOG for each run and each
# drill (a trial of restoring) that has left a record in the folder of the backups; and in the system log, under the tag
# twisterlab-edge-backup with the priority err, each one that failed, and once a day what should be there and is not: a backup
# or a drill of each kind that is not too old, a copy of all that is not, and the disk itself.
#
# Parameters: path (the folder, see backupFolder.sh), kinds (those that are backed up), max_age (seconds that the newest good
# backup of a kind may be old), drilled (kinds whose backups are tried out) and max_drill_age, seconds; copy_max_age, seconds,
# where they are copied (see backupCopy.sh).
#
# $STATE/backup-log.told has the records that were told, $STATE/backup-log.complained what was missing, and when that was
# said. They are written last: what was cut off is told again, and nothing is left out.

readonly BACKUP_LOG=${TWISTERLAB_EDGE_BACKUP_LOG:-/var/log/twisterlab-backup.log}

backup_log() {
  read_params path kinds max_age drilled max_drill_age copy_max_age
  need path kinds max_age
  need_commands python3
  [[ -z ${PARAM[drilled]:-} ]] || need max_drill_age
  mkdir -p -- "$STATE"
  local news what text lines=() errors=() told='' complained=''
  news=$(python3 -c "$LOOK_AT_BACKUPS$BACKUP_NEWS" "${PARAM[path]}" "$BACKUP_MARK" "$STATE/backup-log" "$(date +%s)" \
    "${PARAM[kinds]}" "${PARAM[max_age]}" "${PARAM[drilled]:-}" "${PARAM[max_drill_age]:-0}" \
    "${PARAM[copy_max_age]:-0}" "$STATE/backup-copy/good")
  while IFS=$'\t' read -r what text; do
    case $what in
      line) lines+=("$text") ;;
      error) errors+=("$text") ;;
      told) told+=$text$'\n' ;;
      complained) complained+=$text$'\n' ;;
    esac
  done <<< "$news"
  ((${#lines[@]} == 0)) || printf '%s\n' "${lines[@]}" | append_to_backup_log
  for text in "${errors[@]}"; do
    logger --tag twisterlab-edge-backup --priority daemon.err -- "$text"
  done
  keep_if_new "$STATE/backup-log.told" "$told"
  keep_if_new "$STATE/backup-log.complained" "$complained"
}

# append_to_backup_log: standard input, lines.
append_to_backup_log() {
  [[ -e $BACKUP_LOG ]] || install --mode=0640 --owner=root --group=adm -- /dev/null "$BACKUP_LOG"
  # A power cut may have left half a line.
  [[ ! -s $BACKUP_LOG || -z $(tail -c 1 -- "$BACKUP_LOG") ]] || printf '\n' >> "$BACKUP_LOG"
  cat >> "$BACKUP_LOG"
  sync -- "$BACKUP_LOG"
}

# keep_if_new FILE TEXT: most of the time nothing has changed, and a disk is spared.
keep_if_new() {
  [[ -e $1 && $(< "$1") == "${2%$'\n'}" ]] || printf '%s' "$2" | keep "$1"
}

# Records and backups come from pods: whatever is in them, or in their names, is text to be shown and nothing else.
readonly BACKUP_NEWS='
import calendar, json, re, sys, time, unicodedata
path, mark, memory, now, kinds, max_age, drilled, max_drill_age, copy_max_age, copied = sys.argv[1:]
now, max_age, max_drill_age, copy_max_age = int(now), int(max_age), int(max_drill_age), int(copy_max_age)
WHAT = {"runs": "backup", "drills": "drill"}
OUTCOME = {True: "ok", False: "FAILED"}
LONGEST = 300
# A pod could leave any number of them: the others are told by the next run.
MOST_AT_ONCE = 100
DAY = 86400
# What says that it is of later than this is not believed: it would be the newest for ever.
LATEST = now + 3600

def kind_and_time(name):
    """Of a name as records and backups have it; nothing for another."""
    match = re.fullmatch("([a-z0-9]+)-([0-9]{8}T[0-9]{6}Z)", name)
    try:
        return match and (match[1], calendar.timegm(time.strptime(match[2], "%Y%m%dT%H%M%SZ")))
    except ValueError:
        return None

def opened(name, parent=None):
    """A folder; nothing for anything else."""
    try:
        return os.open(name, FOLDER, dir_fd=parent)
    except OSError:
        return None

def read(name, parent):
    """A JSON object from a regular file; empty when there is no such file, or something else in it."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    except OSError:
        return {}
    with open(file, "rb") as content:
        text = content.read(LARGEST + 1) if stat.S_ISREG(os.fstat(file).st_mode) else b""
    try:
        value = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}

def clean(text):
    """On one line, without what would do something to a terminal, and not too long."""
    line = " ".join("".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text).split())
    return line if len(line) <= LONGEST else line[:LONGEST] + "..."

def verdict(record):
    sentence = record.get("sentence")
    if not isinstance(sentence, str) or clean(sentence) == "":
        return False, "its record cannot be read"
    return record.get("ok") is True, clean(sentence)

def records(folder):
    """Of all runs and drills, oldest first: time, kind, folder, name, the open folder."""
    found = []
    for what in WHAT:
        parent = opened(what, folder)
        for name in [] if parent is None else os.listdir(parent):
            told_by_name = kind_and_time(name.removesuffix(".json")) if name.endswith(".json") else None
            if told_by_name and regular(name, parent):
                kind, at = told_by_name
                found.append((at, kind, what, name, parent))
    return sorted(found)

def newest_backup(kind, folder):
    """When the newest whole one was begun; nothing when there is none."""
    if kind == "k3s":
        # Made by this host, in a folder that no pod can write to; elsewhere anybody could have put it.
        folder = opened("k3s", folder)
        if folder is None or os.fstat(folder).st_uid != os.geteuid() or os.fstat(folder).st_mode & 0o077:
            return None
    found = [(kind_and_time(name), name) for name in os.listdir(folder)]
    times = {parts[1]: name for parts, name in found if parts and parts[0] == kind and parts[1] <= LATEST}
    return next((at for at in sorted(times, reverse=True) if is_whole(times[at], folder)), None)

def is_whole(name, parent):
    """It has in it what its manifest says, as far as a look tells."""
    backup = opened(name, parent)
    if backup is None:
        return False
    try:
        manifest = read("manifest.json", backup)
        file = manifest.get("file")
        saved = regular(file, backup) if isinstance(file, str) and re.fullmatch("[a-z0-9.]+", file) else None
        return saved is not None and saved.st_size == manifest.get("bytes")
    finally:
        os.close(backup)

def complaints(folder, all_records):
    """What should be there and is not, each under a name that stays the same."""
    if folder is None:
        yield "disk", f"{path} is not the folder of the backups: its disk is not mounted, and nothing is saved"
        return
    for kind in kinds.split():
        at = newest_backup(kind, folder)
        if at is None:
            yield f"backup {kind}", f"there is no whole backup of {kind} in {path}"
        elif now - at > max_age:
            yield f"backup {kind}", f"the newest whole backup of {kind} is {hours(now - at)} old, it should be no older than {hours(max_age)}"
    for kind in drilled.split():
        of_kind = [record for record in all_records if record[1:3] == (kind, "drills") and record[0] <= LATEST]
        # Before the first one is due there is none.
        at = of_kind[-1][0] if of_kind else int(regular(mark, folder).st_mtime)
        ok, sentence = verdict(read(*of_kind[-1][3:])) if of_kind else (True, "")
        if not ok:
            yield f"drill {kind}", f"the newest drill of {kind} failed: {sentence}"
        elif now - at > max_drill_age:
            yield f"drill {kind}", f"there has been no drill of {kind} for {hours(now - at)}: nobody knows that its backups can be restored"

    if copy_max_age:
        # Of this host: a pod could leave any record.
        at = int(next(iter(lines_of(copied)), 0))
        if at == 0 or at > LATEST:
            yield "copy", "there is no copy of the backups that was read back whole"
        elif now - at > copy_max_age:
            yield "copy", f"the newest copy of the backups that was read back whole is {hours(now - at)} old, it should be no older than {hours(copy_max_age)}"

def hours(seconds):
    return f"{seconds // 3600} h"

def lines_of(file):
    try:
        return open(file).read().splitlines()
    except FileNotFoundError:
        return []

def kept(name):
    return lines_of(memory + "." + name)

folder = opened(path)
if folder is not None and regular(mark, folder) is None:
    folder = None
all_records = [] if folder is None else records(folder)
told = set(kept("told"))
untold = [record for record in all_records if "/".join(record[2:4]) not in told][:MOST_AT_ONCE]
for at, kind, what, name, parent in untold:
    record = read(name, parent)
    ok, sentence = verdict(record)
    # The way back leaves its records among the runs.
    word = "restore" if record.get("task") == "restore" else WHAT[what]
    if kind == "copy":
        kind, word = "backups", "copy"
    begun = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    print("line", f"{begun} {kind} {word} {OUTCOME[ok]}: {sentence}", sep="\t")
    if not ok:
        print("error", f"the {word} of {kind} that began at {begun} failed: {sentence}", sep="\t")

there = {"/".join(record[2:4]) for record in all_records}
told = told if folder is None else told & there | {"/".join(record[2:4]) for record in untold}
for name in sorted(told):
    print("told", name, sep="\t")

said = dict(line.rsplit(" ", 1) for line in kept("complained"))
for name, text in complaints(folder, all_records):
    last = int(said.get(name, 0))
    # Also when the clock was set back since.
    if not last <= now < last + DAY:
        print("error", clean(text), sep="\t")
        last = now
    print("complained", f"{name} {last}", sep="\t")
'
