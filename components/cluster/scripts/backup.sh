# Shared by the backups, their drill and the way back. Read by a POSIX shell with pipefail: that of the official Alpine images
# (BusyBox) and of the Debian ones (bash, as `bash`).
#
# A backup is a folder <kind>-<time> with what was saved, contents.tsv (what is in it), and manifest.json. It gets its name
# when everything in it has been checked and is on the disk: a folder of that name is a whole backup.
#
# Variables: KIND, postgres or redis; BACKUPS, the folder of all backups; RECORDS, the folder in which each run leaves a line.
set -euo pipefail
umask 007

# Ends the run with a sentence, which its record keeps.
fail() {
  reason=$(printf '%s' "$1" | tr '\n' ' ')
  echo "$KIND: $reason" >&2
  exit 1
}

UNSAID="a command failed: the log of the pod has its words"

# begin FOLDER [TASK]: begins a run that works in that folder. From here on its end is recorded, however it comes about.
begin() {
  local leftover
  work=""
  lock=""
  reason=$UNSAID
  facts=${2:+",\"task\":\"$2\""}
  details=""
  set_time
  trap 'ended $?' EXIT
  trap 'reason="it was told to end"; exit 143' TERM INT
  # Written when the folder was made, on the disk that it is for: without that disk there is no such file.
  [ -f "$BACKUPS/.twisterlab-edge" ] || fail "$BACKUPS is not the folder of the backups: its disk is not mounted"
  mkdir -p "$RECORDS"
  be_alone "${2-}"
  # Whoever else had the lock has ended: what is there was left by one that was ended half-way.
  work=$1
  rm -rf "$work"
  mkdir "$work"
  for leftover in "${work%/*}/.unfinished-$KIND"*; do
    [ "$leftover" = "$work" ] || rm -rf "$leftover" || true
  done
}

set_time() {
  started=$(date -u +%Y%m%dT%H%M%SZ)
  began=$(date +%s)
}

# utc SECONDS: that time, as names have it.
utc() {
  date -u -d "@$1" +%Y%m%dT%H%M%SZ
}

# be_alone [TASK]: runs of a kind come one after the other, whoever has started them. One waits for the other, for as long as
# its job may take; a restore is refused, because what it was meant for may be another matter by then. The lock ends with its
# holder. In it is the record of one that was killed, which cannot leave any itself: the next one does.
be_alone() {
  local file=$RECORDS/.lock-$KIND before
  exec 9>> "$file"
  if ! flock -n 9; then
    [ "${1-}" != restore ] || fail "another backup or restore of it is under way: wait for its end"
    echo "$KIND: another run is under way, this one waits for its end"
    flock 9 &
    wait $!
  fi
  before=$(sed -n 's/^{.*"started":"\([0-9TZ]*\)".*}$/\1/p' "$file")
  if [ -n "$before" ]; then
    echo "$KIND: the run that began at $before was killed"
    cp "$file" "$RECORDS/.$KIND-$before"
    mv "$RECORDS/.$KIND-$before" "$RECORDS/$KIND-$before.json"
  fi
  # Its name is the second in which it began: each has one of its own.
  set_time
  while [ -e "$RECORDS/$KIND-$started.json" ]; do
    sleep 1
    set_time
  done
  record_line false "it was killed, or its machine went down, or it found no room for its record" > "$file" \
    || fail "nothing can be written to $RECORDS"
  lock=$file
}

# attend COMMAND: runs it, and hears meanwhile when the run is told to end. A shell hears of that between its commands, and
# one that saves a database takes longer than Kubernetes waits. It does not have the lock: that is ours.
attend() {
  "$@" 9>&- &
  wait $!
}

# What remains of a run: its record, and nothing half done.
ended() {
  local code=$1 ok=false
  trap - EXIT
  trap '' TERM INT
  [ -z "$work" ] || rm -rf "$work"
  [ "$code" -ne 0 ] || ok=true
  record "$ok" "$reason" || {
    # The lock keeps what the next run makes of it.
    echo "$KIND: its record could not be written to $RECORDS" >&2
    code=1
  }
  exit "$code"
}

# record OK SENTENCE: leaves the line of this run.
record() {
  local line
  line=$(record_line "$1" "$2")
  # Kubernetes keeps it with the pod: whoever has started this one asks there.
  [ ! -w /dev/termination-log ] || printf '%s\n' "$line" > /dev/termination-log
  [ -d "$RECORDS" ] || return 0
  if ! printf '%s\n' "$line" > "$RECORDS/.$KIND-$started"; then
    rm -f "$RECORDS/.$KIND-$started"
    return 1
  fi
  mv "$RECORDS/.$KIND-$started" "$RECORDS/$KIND-$started.json" || return 1
  [ -z "$lock" ] || : > "$lock"
}

# record_line OK SENTENCE: a line of JSON; `facts` is the end of it, each with a comma before it.
record_line() {
  printf '{"kind":"%s","started":"%s","seconds":%d,"ok":%s,"sentence":"%s"%s}\n' \
    "$KIND" "$started" "$(($(date +%s) - began))" "$1" "$(escaped "$2")" "$facts"
}

# A text for within the quotes of JSON, on one line.
escaped() {
  printf '%s' "$1" | tr '\n\t\r' '   ' | sed 's/\\/\\\\/g; s/"/\\"/g'
}

# Bytes of a file.
bytes_of() {
  wc -c < "$1" | tr -d ' '
}

sha256_of() {
  sha256sum "$1" | cut -d ' ' -f 1
}

# need_room BYTES: as much must be free, and as much again stays free for what else is on the disk.
need_room() {
  local free
  free=$(df -Pk "$BACKUPS" | awk 'NR == 2 { printf "%d", $4 }')
  [ "$free" -ge "$(($1 * 2 / 1024))" ] || fail "$free KiB are free in $BACKUPS; the backup takes up to $(($1 / 1024)), and as much must stay free"
}

# finish FILE SERVER_VERSION SENTENCE [PREFIX]: gives the backup its name, and sets `made` to it. One with a prefix is none of
# those that grow old. `details` is the end of its manifest, each with a comma before it.
finish() {
  local file=$1 version=$2 checksum
  made=${4-}$KIND-$started
  [ ! -e "$BACKUPS/$made" ] || fail "there is a $made already"
  checksum=$(sha256_of "$work/$file")
  printf '{"kind":"%s","started":"%s","seconds":%d,"file":"%s","bytes":%d,"sha256":"%s","serverVersion":"%s","contents":"%s","contentsSha256":"%s"%s}\n' \
    "$KIND" "$started" "$(($(date +%s) - began))" "$file" "$(bytes_of "$work/$file")" "$checksum" "$(escaped "$version")" \
    "contents.tsv" "$(sha256_of "$work/contents.tsv")" "$details" > "$work/manifest.json"
  sync
  mv "$work" "$BACKUPS/$made"
  sync
  # Read again from where it is now: what cannot be read back is no backup.
  if [ "$(sha256_of "$BACKUPS/$made/$file")" != "$checksum" ]; then
    mv "$BACKUPS/$made" "$work"
    fail "$file reads otherwise than it was written: the disk is not to be trusted"
  fi
  facts=",\"backup\":\"$made\",\"bytes\":$(bytes_of "$BACKUPS/$made/$file")"
  reason="$made, $3"
  echo "$KIND: $reason"
}

# Backups of this kind, oldest first.
backups() {
  find "$BACKUPS" -mindepth 1 -maxdepth 1 -type d -name "$KIND-*" | sort
}

# remove_old SECONDS: those older than that. A clock that is wrong must not cost what there is: no more than two go in a run,
# the oldest, and never the one that was just made.
remove_old() {
  local limit folder
  limit=$(utc $(($(date +%s) - $1)))
  backups | awk -F - -v made="$BACKUPS/$made" -v limit="$limit" '$0 != made && $NF < limit && count++ < 2' | while read -r folder; do
    # A folder that is only half there must not look like a backup.
    mv "$folder" "$BACKUPS/.unfinished-$KIND-old"
    rm -rf "$BACKUPS/.unfinished-$KIND-old"
    echo "$KIND: ${folder##*/} was removed, it is older than the retention"
  done
  find "$RECORDS" -name "$KIND-*.json" -mtime +90 | sort | awk 'NR <= 2' | while read -r record; do
    rm -f "$record"
  done
}

# What a restore saves of the server before it changes it has this before its name: it is never the newest backup, which
# the restore may be asked for when it is repeated.
BEFORE="before-restore-"

# choose_backup NAME: sets `folder` and `name` to those of a backup of this kind; `newest` is a name, too: of those that say
# that they are of a time to come, which a wrong clock has made, it is none, and `left_out` says so.
choose_backup() {
  local soon later
  left_out=""
  case $1 in
    newest)
      soon=$(utc $(($(date +%s) + 3600)))
      later=$(backups | awk -F - -v soon="$soon" '$NF > soon' | tail -n 1)
      folder=$(backups | awk -F - -v soon="$soon" '$NF <= soon' | tail -n 1)
      [ -z "$later" ] || left_out="${later##*/} says that it is of a time to come"
      # All of them: it is today's clock that is wrong.
      [ -n "$folder" ] || folder=$later
      [ -n "$folder" ] || fail "there is no backup in $BACKUPS"
      ;;
    */*) fail "$1 is not the name of a backup" ;;
    "$KIND"-* | "$BEFORE$KIND"-*) folder=$BACKUPS/$1 ;;
    *) fail "$1 is no backup of $KIND" ;;
  esac
  name=${folder##*/}
  [ -f "$folder/manifest.json" ] || fail "there is no backup $name; these are there: $(backups | sed 's/.*[/]//' | tr '\n' ' ')"
}

# check_backup FOLDER: what it says of itself is true.
check_backup() {
  local file
  file=$(manifest "$1" file)
  [ "$(bytes_of "$1/$file")" = "$(manifest "$1" bytes)" ] || fail "${1##*/}: $file has another size than its manifest says"
  [ "$(sha256_of "$1/$file")" = "$(manifest "$1" sha256)" ] || fail "${1##*/}: $file has another checksum than its manifest says"
  [ "$(sha256_of "$1/contents.tsv")" = "$(manifest "$1" contentsSha256)" ] \
    || fail "${1##*/}: contents.tsv has another checksum than its manifest says"
}

# manifest FOLDER KEY: a value of its manifest, which finish has written.
manifest() {
  sed -n "s/.*\"$2\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$1/manifest.json"
}

# age_of NAME: seconds since that backup was begun.
age_of() {
  local time=${1##*-}
  # As BusyBox reads it, too.
  echo "$(($(date +%s) - $(date -u -d "$(echo "$time" | sed 's/\(....\)\(..\)\(..\)T\(..\)\(..\)\(..\)Z/\1-\2-\3 \4:\5:\6/')" +%s)))"
}

# in_words SECONDS
in_words() {
  if [ "$1" -ge 172800 ]; then
    echo "$(($1 / 86400)) days"
  elif [ "$1" -ge 7200 ]; then
    echo "$(($1 / 3600)) h"
  elif [ "$1" -ge 120 ]; then
    echo "$(($1 / 60)) min"
  else
    echo "$1 s"
  fi
}

# older VERSION OTHER: whether it comes before the other, by the first two numbers of each.
older() {
  awk -v one="$1" -v other="$2" 'BEGIN {
    split(one, a, ".")
    split(other, b, ".")
    exit !(a[1] + 0 < b[1] + 0 || a[1] + 0 == b[1] + 0 && a[2] + 0 < b[2] + 0)
  }'
}

# begin_restore: what the ways back have in common before they ask the server. Sets `folder`, `name` and `facts`.
begin_restore() {
  local age
  choose_backup "$FROM"
  [ -z "$left_out" ] || fail "the clock is or was wrong, because $left_out: newest could be any. Name the one that is meant"
  age=$(age_of "$name")
  facts="$facts,\"backup\":\"$name\",\"ageSeconds\":$age,\"bytes\":$(manifest "$folder" bytes)"
  check_backup "$folder"
  echo "$KIND: $name is as its manifest says; it is $(in_words "$age") old, and what was written since is not in it"
}
