# k3s-backup: what a timer runs each day. Saves K3s' datastore, and with it what K3s keeps beside it and what it is configured
# by (the token that opens the datastore, keys, certificates, manifests, /etc/rancher), to PATH/k3s/k3s-TIME. K3s runs on.
#
# Parameters: path (the folder of the backups, see backupFolder.sh), retention (seconds that a backup is kept).
#
# As with the databases' (components/cluster/scripts/backup.sh), a backup gets its name when everything in it was checked and
# is on the disk, and every run leaves a record in PATH/runs. A run that fails is an error in the system log too, under the
# tag twisterlab-edge-k3s-backup. How K3s is restored from one is said in k3sBackup.ts.

readonly K3S_ROOT=${TWISTERLAB_EDGE_K3S_ROOT:-}
readonly K3S_SERVER=$K3S_ROOT/var/lib/rancher/k3s/server
readonly K3S_UNFINISHED=.unfinished
# The run: path, started, began, sentence (how it ended), `inside` once it is in its folder; of the backup: name, file, bytes.
declare -A BACKUP=()

k3s_backup() {
  read_params path retention
  need path retention
  BACKUP=([path]=${PARAM[path]} [started]=$(date -u +%Y%m%dT%H%M%SZ) [began]=$(date +%s)
  [sentence]="a command failed: journalctl -u twisterlab-edge-k3s-backup has its words")
  trap 'k3s_backup_ended $?' EXIT
  trap 'give_up "it was told to end"' TERM INT
  need_commands python3 flock gzip tar k3s
  [[ ${PARAM[retention]} =~ ^[1-9][0-9]*$ ]] || not_begun "the retention is no number of seconds"
  enter_k3s_folder
  # There is never a second run: what is there was left by one that was cut off.
  rm -rf -- "$K3S_UNFINISHED"
  mkdir -- "$K3S_UNFINISHED"
  # Once there is etcd, K3s starts from that.
  if [[ -d $K3S_SERVER/db/etcd ]]; then
    save_etcd
  elif [[ -f $K3S_SERVER/db/state.db ]]; then
    save_sqlite
  else
    give_up "$K3S_SERVER/db has neither state.db nor etcd: if the datastore is elsewhere, it must be saved there"
  fi
  save_beside_datastore
  finish_k3s_backup
  remove_old_k3s_backups
  BACKUP[sentence]="${BACKUP[name]}, ${BACKUP[contents]}, with the token and the configuration"
  say "k3s: ${BACKUP[sentence]}"
}

# enter_k3s_folder: from here on everything goes by `.`, because pods can write to the folder above, and could put another one
# in the place of this one at any time.
enter_k3s_folder() {
  local folder=${BACKUP[path]}/k3s
  [[ -f ${BACKUP[path]}/$BACKUP_MARK && ! -L ${BACKUP[path]}/$BACKUP_MARK ]] \
    || not_begun "${BACKUP[path]} is not the folder of the backups: its disk is not mounted"
  cd -- "$folder" 2> /dev/null || not_begun "$folder is not there: npm run up makes it"
  [[ $(pwd -P) == "$folder" && -O . && $(stat --format=%a .) == 700 ]] || not_begun "$folder is not root's alone: npm run up puts that right"
  exec 8< .
  flock --nonblock 8 || not_begun "another backup of K3s is being made"
  BACKUP[inside]=yes
}

# k3s_backup_ended STATUS: what remains of a run is its record, and nothing half done.
k3s_backup_ended() {
  local status=$1 ok=false
  trap - EXIT TERM INT
  ((status != 0)) || ok=true
  if [[ -n ${BACKUP[inside]:-} ]]; then
    rm -rf -- "$K3S_UNFINISHED" || true
    python3 -c "$PUT_RECORD" "${BACKUP[path]}" k3s "${BACKUP[started]}" "${BACKUP[began]}" "$(date +%s)" "$ok" "${BACKUP[sentence]}" \
      "${BACKUP[name]:-}" "${BACKUP[bytes]:-0}" || {
      BACKUP[sentence]+="; its record could not be written"
      status=70
    }
  fi
  ((status == 0)) || logger --tag twisterlab-edge-k3s-backup --priority daemon.err -- "the backup of K3s failed: ${BACKUP[sentence]}" || true
  exit "$status"
}

give_up() {
  BACKUP[sentence]=$1
  fail "$1"
}
not_begun() {
  BACKUP[sentence]=$1
  refuse "$1"
}

# attempt WHAT COMMAND...: gives up, with the last words of a command that fails.
attempt() {
  "${@:2}" 2> "$K3S_UNFINISHED/errors" || give_up "$1: $(last_words)"
}
last_words() { tail -n 1 -- "$K3S_UNFINISHED/errors"; }

# need_room PATH: for a copy of what is there, for what that is compressed to, and as much again stays free for others.
need_room() {
  local bytes free
  # Files come and go beside a datastore that is in use: du then ends with 1 and is right all the same.
  bytes=$( (du --summarize --bytes -- "$1" 2> /dev/null || true) | cut -f 1)
  free=$(df --output=avail --block-size=1 . | tail -n 1)
  ((free >= 3 * bytes)) || give_up "$(iec "$free") are free in ${BACKUP[path]}; the backup takes up to $(iec $((2 * bytes))), and $(iec "$bytes") must stay free"
}

save_sqlite() {
  local rows
  need_room "$K3S_SERVER/db"
  rows=$(python3 -c "$COPY_SQLITE" "$K3S_SERVER/db/state.db" "$K3S_UNFINISHED/state.db" 2> "$K3S_UNFINISHED/errors") \
    || give_up "the datastore could not be copied: $(last_words)"
  compress state.db
  BACKUP[datastore]=sqlite
  BACKUP[rows]=$rows
  BACKUP[contents]="$rows rows of the datastore"
}

save_etcd() {
  need_room "$K3S_SERVER/db/etcd/member/snap/db"
  mkdir -- "$K3S_UNFINISHED/etcd"
  # K3s writes the file, to the folder that we are in, whatever has its name by now.
  attempt "k3s etcd-snapshot save failed" timeout 1800 k3s etcd-snapshot save --name twisterlab-edge --etcd-s3=false \
    --etcd-snapshot-compress=false --etcd-snapshot-dir "/proc/$$/cwd/$K3S_UNFINISHED/etcd" > /dev/null
  attempt "k3s etcd-snapshot save left no snapshot" mv -T -- "$K3S_UNFINISHED"/etcd/twisterlab-edge-* "$K3S_UNFINISHED/snapshot"
  rm -rf -- "$K3S_UNFINISHED/etcd" "$K3S_UNFINISHED/.metadata"
  attempt "the snapshot of etcd is not whole" python3 -c "$CHECK_SNAPSHOT" "$K3S_UNFINISHED/snapshot"
  compress snapshot
  BACKUP[datastore]=etcd
  BACKUP[contents]="a snapshot of etcd"
}

# compress FILE: it becomes FILE.gz, which was read again from the disk when this returns.
compress() {
  local sum
  sum=$(sha256sum < "$K3S_UNFINISHED/$1")
  attempt "$1 could not be compressed" gzip -- "$K3S_UNFINISHED/$1"
  sync -- "$K3S_UNFINISHED/$1.gz"
  [[ $(gzip --decompress --stdout -- "$K3S_UNFINISHED/$1.gz" 2> /dev/null | sha256sum) == "$sum" ]] \
    || give_up "$1.gz reads otherwise than it was written: the disk is not to be trusted"
  BACKUP[file]=$1.gz
  BACKUP[bytes]=$(stat --format=%s -- "$K3S_UNFINISHED/$1.gz")
}

save_beside_datastore() {
  local archive=$K3S_UNFINISHED/server.tar.gz token=var/lib/rancher/k3s/server/token status=0
  [[ -s $K3S_ROOT/$token ]] || give_up "$K3S_ROOT/$token is not there: nothing but that opens the datastore"
  tar --create --gzip --file "$archive" --directory "$K3S_ROOT/" --anchored --exclude=var/lib/rancher/k3s/server/db \
    etc/rancher var/lib/rancher/k3s/server 2> "$K3S_UNFINISHED/errors" || status=$?
  # 1: K3s has written to a file meanwhile.
  ((status <= 1)) || give_up "the configuration could not be saved: $(last_words)"
  sync -- "$archive"
  tar --extract --gzip --to-stdout --file "$archive" "$token" 2> /dev/null | cmp --silent - "$K3S_ROOT/$token" \
    || give_up "${archive##*/} reads otherwise than it was written: the disk is not to be trusted"
}

# finish_k3s_backup: gives the backup its name.
finish_k3s_backup() {
  local name=k3s-${BACKUP[started]} sum beside version
  [[ ! -e $name ]] || give_up "there is a $name already"
  rm -f -- "$K3S_UNFINISHED/errors"
  sum=$(sha256_of "$K3S_UNFINISHED/${BACKUP[file]}")
  beside=$(sha256_of "$K3S_UNFINISHED/server.tar.gz")
  version=$(timeout 20 k3s --version | awk 'NR == 1 { print $3 }') || true
  printf '{"kind":"k3s","started":"%s","seconds":%d,"file":"%s","bytes":%d,"sha256":"%s","serverVersion":"%s","datastore":"%s","rows":%s,"configuration":"server.tar.gz","configurationSha256":"%s"}\n' \
    "${BACKUP[started]}" "$(($(date +%s) - BACKUP[began]))" "${BACKUP[file]}" "${BACKUP[bytes]}" "$sum" \
    "${version//[^a-zA-Z0-9.+-]/}" "${BACKUP[datastore]}" "${BACKUP[rows]:-null}" "$beside" > "$K3S_UNFINISHED/manifest.json"
  sync -- "$K3S_UNFINISHED"/* "$K3S_UNFINISHED"
  mv -T -- "$K3S_UNFINISHED" "$name"
  sync -- .
  BACKUP[name]=$name
}

sha256_of() { sha256sum -- "$1" | cut -d ' ' -f 1; }

# Those older than the retention, yet never the one that was just made and checked, and no more than two, the oldest: a clock
# that is wrong must not cost what there is.
remove_old_k3s_backups() {
  local limit folder left=2
  BACKUP[sentence]="${BACKUP[name]} was saved; an old one could not be removed"
  limit=k3s-$(date -u --date="@$((BACKUP[began] - PARAM[retention]))" +%Y%m%dT%H%M%SZ)
  for folder in k3s-*; do
    [[ $folder =~ ^k3s-[0-9]{8}T[0-9]{6}Z$ && $folder != "${BACKUP[name]}" && $folder < "$limit" ]] || continue
    ((left-- > 0)) || break
    # A folder that is only half there must not look like a backup.
    mv -T -- "$folder" "$K3S_UNFINISHED"
    rm -rf -- "$K3S_UNFINISHED"
    say "k3s: $folder was removed, it is older than the retention"
  done
}

# K3s writes on meanwhile: it keeps a write-ahead log, and a reader sees what was there when it began.
readonly COPY_SQLITE='
import pathlib, sqlite3, sys
source, target = sys.argv[1:]
try:
    # Read-only: another mode would make the file where there is none.
    datastore = sqlite3.connect(pathlib.Path(source).as_uri() + "?mode=ro", uri=True, timeout=60)
    copy = sqlite3.connect(target)
    # All pages in one step. In several, whatever K3s writes in between begins the copy anew.
    datastore.backup(copy)
    datastore.close()
    faults = [fault for (fault,) in copy.execute("PRAGMA integrity_check(1)")]
    if faults != ["ok"]:
        sys.exit("integrity_check says " + " ".join(faults[0].split()))
    [(rows,)] = copy.execute("SELECT count(*) FROM kine")
    copy.close()
except sqlite3.Error as error:
    sys.exit(f"SQLite says {error}")
if rows == 0:
    sys.exit("its table kine is empty")
print(rows)
'

# etcd ends a snapshot with the SHA-256 of all that comes before, which is a number of whole sectors.
readonly CHECK_SNAPSHOT='
import hashlib, os, sys
left = os.stat(sys.argv[1]).st_size - 32
if left <= 0 or left % 512:
    sys.exit("it does not end with a checksum")
sum = hashlib.sha256()
with open(sys.argv[1], "rb") as snapshot:
    while left:
        part = snapshot.read(min(left, 1 << 20))
        sum.update(part)
        left -= len(part)
    if snapshot.read() != sum.digest():
        sys.exit("its checksum is another one")
'

# The record of a run, as the pods leave theirs; and those of its kind from 90 days ago go. By open folders and never through a
# link: pods can write to this folder, too.
readonly PUT_RECORD='
import json, os, re, sys, time
path, kind, started, began, now, ok, sentence, backup, size = sys.argv[1:]
now = int(now)
record = {"kind": kind, "started": started, "seconds": now - int(began), "ok": ok == "true", "sentence": sentence}
if backup:
    record |= {"backup": backup, "bytes": int(size)}
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
runs = os.open("runs", FOLDER, dir_fd=os.open(path, FOLDER))
staged, name = f".{kind}-{started}", f"{kind}-{started}.json"
try:
    os.unlink(staged, dir_fd=runs)
except FileNotFoundError:
    pass
with open(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=runs), "w") as file:
    file.write(json.dumps(record, separators=(",", ":")) + "\n")
    file.flush()
    os.fsync(file.fileno())
os.rename(staged, name, src_dir_fd=runs, dst_dir_fd=runs)
oldest = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now - 90 * 86400))
before = [old for old in os.listdir(runs) if re.fullmatch(kind + "-[0-9]{8}T[0-9]{6}Z.json", old) and old < f"{kind}-{oldest}"]
# As with the backups, whatever the clock says.
for old in sorted(before)[:2]:
    os.unlink(old, dir_fd=runs)
os.fsync(runs)
'
