# A second copy of all backups, in a repository of restic. It is encrypted there, and proves each time that it can be read back.
#
#  backup-copy prepare   makes what the host keeps for it: with `ssh_key` `yes` a key pair that never leaves this host.
#  backup-copy forget    takes that away again; the repository is never touched.
#  backup-copy           what a timer runs each day: copies the folder of the backups, and reads the newest backup of each kind
#                        back from the repository. Parameters: retention (seconds), kinds (those that are backed up).
#  backup-copy list      for people: the backups that the copy has.
#  backup-copy fetch NAME  for people: brings one of them back into the folder of the backups.
#
# $COPY/settings is a host file, root's alone: `name: value` lines, as parameters are written. It has backups (the folder),
# host (by which the copies are known), repository (in restic's form), password, and
#  - of one behind SSH: ssh_user, ssh_host, ssh_port, host_key;
#  - of one in a bucket: access_key, secret_key;
#  - of a folder: mount, the mount point of its disk, which is another one than that of the backups.
# Beside it: id_ed25519 and its .pub; repository (where the copies go, and its ID, so that no other one takes its place);
# good (when the newest copy was begun that was read back); checked (when the repository was last looked over), suspect (it was
# found damaged then); cache.
# No secret is ever in a command line: restic gets them by its environment.

readonly COPY=$STATE/backup-copy
readonly COPY_UNFINISHED=.unfinished-fetch
# restic's tag of our copies.
readonly COPY_TAG=twisterlab-edge
# The repository is read as a whole in so many looks, one a week.
readonly COPY_PARTS=13

# ---- what makes it ready

backup_copy_prepare() {
  read_params item ssh_key
  need item ssh_key
  need_restic
  item_folder "${PARAM[item]}" > /dev/null
  mkdir -p -- "$COPY"
  if [[ ${PARAM[ssh_key]} == yes ]]; then
    need_commands ssh ssh-keygen
    # The private half gets its name last: with it both are there.
    if [[ ! -s $COPY/id_ed25519 || ! -s $COPY/id_ed25519.pub ]]; then
      rm -f -- "$COPY"/id_ed25519*
      ssh-keygen -q -t ed25519 -N '' -C twisterlab-edge-backup-copy -f "$COPY/id_ed25519.new"
      sync -- "$COPY/id_ed25519.new" "$COPY/id_ed25519.new.pub"
      mv -fT -- "$COPY/id_ed25519.new.pub" "$COPY/id_ed25519.pub"
      mv -fT -- "$COPY/id_ed25519.new" "$COPY/id_ed25519"
      sync -- "$COPY"
    fi
    say "$(< "$COPY/id_ed25519.pub")"
  else
    say "ready for a copy"
  fi
}

# What is in the repository stays there, and can be read by whoever has the password.
backup_copy_forget() {
  read_params item ssh_key
  need item
  need_commands flock
  local record
  record=$(item_folder "${PARAM[item]}")
  if [[ -d $COPY ]]; then
    exec 8> "$COPY/lock"
    flock --wait 60 8 || refuse "a copy is being made: wait for its end, or systemctl stop twisterlab-edge-backup-copy.service"
    rm -rf -- "$COPY"
  fi
  rm -rf -- "$record"
  say "forgot the copy of the backups; its repository is as it was"
}

# Of the settings' file: the repository is opened with what is to be installed, and made where there has never been one.
validate_backup_copy() {
  need_restic
  read_copy_settings "$1"
  local known=()
  [[ ! -e $COPY/repository ]] || mapfile -t known < "$COPY/repository"
  # Another one than before has no past.
  [[ ${known[0]:-} == "${PARAM[repository]}" ]] || known=()
  if ! open_copy; then
    [[ -n ${COPY_STATE[absent]:-} ]] || refuse_copy "${COPY_STATE[reason]}"
    ((${#known[@]} == 0)) || refuse_copy "there was a repository, and now: ${COPY_STATE[reason]}. It is never made anew by itself: bring it back, or take phase0.backups.copy out of the site file, npm run up, and put it in again"
    # Where there is one after all, restic refuses.
    ask_restic 300 init > /dev/null || refuse_copy "it could not be made: $(words_of_restic)"
    open_copy || refuse_copy "${COPY_STATE[reason]}"
  fi
  ((${#known[@]} == 0)) || [[ ${known[1]} == "${COPY_STATE[id]}" ]] \
    || refuse_copy "it is another repository than the one that was made there: take phase0.backups.copy out of the site file, npm run up, and put it in again, if that is meant"
  printf '%s\n' "${PARAM[repository]}" "${COPY_STATE[id]}" | keep "$COPY/repository"
}

refuse_copy() {
  local key=
  [[ ${PARAM[repository]} != sftp:* || ! -s $COPY/id_ed25519.pub ]] \
    || key="; the key that ${PARAM[ssh_user]}@${PARAM[ssh_host]} is to let in, in its authorized_keys: $(< "$COPY/id_ed25519.pub")"
  refuse "the repository ${PARAM[repository]} cannot be used: $1$key"
}

need_restic() {
  command -v restic > /dev/null || refuse "restic is not installed on this host: apt-get install restic"
  need_commands python3 flock
}

# read_copy_settings FILE
read_copy_settings() {
  [[ -f $1 ]] || refuse "the copy of the backups is not set up here: npm run up does that"
  read_params backups host repository password ssh_user ssh_host ssh_port host_key access_key secret_key mount < "$1"
  need backups host repository password
  case ${PARAM[repository]} in
    sftp:*) need ssh_user ssh_host ssh_port host_key ;;
    s3:*) need access_key secret_key ;;
    *) need mount ;;
  esac
  COPY_STATE=([errors]=$(mktemp -- "$RUN/twisterlab-edge.XXXXXX"))
  remove_at_exit "${COPY_STATE[errors]}"
  [[ ${PARAM[repository]} != sftp:* ]] || write_ssh_options
}

# errors (a file: what the last restic or ssh said), id (of the repository), reason (why it could not be opened), absent (when
# there is none).
declare -A COPY_STATE=()
COPY_SSH=()

# The target is who the site file says, or nobody: what ssh is set up to do on this host besides does not count.
write_ssh_options() {
  local known
  need_commands ssh
  known=$(mktemp -- "$RUN/twisterlab-edge.XXXXXX")
  remove_at_exit "$known"
  printf 'target %s\n' "${PARAM[host_key]}" > "$known"
  COPY_SSH=(ssh -F none -i "$COPY/id_ed25519" -p "${PARAM[ssh_port]}")
  local option
  for option in IdentitiesOnly=yes IdentityAgent=none BatchMode=yes StrictHostKeyChecking=yes HostKeyAlias=target \
    UserKnownHostsFile="$known" GlobalKnownHostsFile=none UpdateHostKeys=no ConnectTimeout=30 ServerAliveInterval=30 \
    ServerAliveCountMax=4 LogLevel=ERROR; do
    COPY_SSH+=(-o "$option")
  done
  COPY_SSH+=(-l "${PARAM[ssh_user]}" "${PARAM[ssh_host]}" -s sftp)
}

# ask_restic SECONDS WORD...: restic on the repository; 0 s: as long as it takes. It yields to what else the host does.
ask_restic() {
  local options=()
  [[ ${PARAM[repository]} != sftp:* ]] || options=(-o "sftp.command=${COPY_SSH[*]}")
  RESTIC_REPOSITORY=${PARAM[repository]} RESTIC_PASSWORD=${PARAM[password]} RESTIC_CACHE_DIR=$COPY/cache \
    AWS_ACCESS_KEY_ID=${PARAM[access_key]:-} AWS_SECRET_ACCESS_KEY=${PARAM[secret_key]:-} TZ=UTC GOMAXPROCS=2 \
    timeout "$1" restic "${options[@]}" "${@:2}" < /dev/null 2> "${COPY_STATE[errors]}"
}

# words_of_restic: its reason, on one line; or whatever it said last.
words_of_restic() {
  local words
  words=$(sed --quiet 's/^Fatal: //p' "${COPY_STATE[errors]}" | tr '\n' ' ')
  [[ -n $words ]] || words=$(grep . "${COPY_STATE[errors]}" | tail -n 1 | tr -d '\r') || true
  words=${words% }
  printf '%s' "${words:-it says nothing}"
}

# open_copy: sets COPY_STATE[id]; else returns 1, with the reason. Changes nothing there, and waits for nobody.
open_copy() {
  local status=0 config
  COPY_STATE[absent]=''
  reach_copy || return 1
  config=$(ask_restic 120 --no-lock cat config) || status=$?
  if ((status == 0)); then
    COPY_STATE[id]=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])' <<< "$config")
    return 0
  fi
  COPY_STATE[reason]=$(words_of_restic)
  ((status != 124)) || COPY_STATE[reason]="no answer within 120 s; ${COPY_STATE[reason]}"
  # It asks so whenever it could not look at the file that makes a folder a repository.
  ! grep --quiet '^Is there a repository at' "${COPY_STATE[errors]}" || COPY_STATE[absent]=yes
  return 1
}

# reach_copy: what restic would not say, or would not notice.
reach_copy() {
  local status=0 shared
  case ${PARAM[repository]} in
    sftp:*)
      if [[ ! -s $COPY/id_ed25519 ]]; then
        COPY_STATE[reason]="this host has no key for it any more: npm run up makes another one"
        return 1
      fi
      timeout 60 "${COPY_SSH[@]}" < /dev/null > /dev/null 2> "${COPY_STATE[errors]}" || status=$?
      # Of ssh's own, or of timeout's; the server's are restic's to judge.
      ((status == 255 || status == 124)) || return 0
      COPY_STATE[reason]="ssh says: $(words_of_restic)"
      return 1
      ;;
    s3:*) ;;
    *)
      # Where its disk is not mounted, another repository would be made on the one that is.
      if ! mountpoint --quiet -- "${PARAM[mount]}"; then
        COPY_STATE[reason]="${PARAM[mount]} is not a mount point: its disk is not mounted"
        return 1
      fi
      if [[ $(realpath --canonicalize-missing -- "${PARAM[repository]}") != "${PARAM[repository]}" ]] \
        || [[ $(mount_of "${PARAM[repository]}" | tail -n 1) != "${PARAM[mount]}" ]]; then
        COPY_STATE[reason]="it is not on the disk at ${PARAM[mount]}"
        return 1
      fi
      shared=$(comm -12 <(disks_of "${PARAM[mount]}") <(disks_of "$(mount_of "${PARAM[backups]}" | tail -n 1)"))
      if [[ -n $shared || -z $(disks_of "${PARAM[mount]}") ]]; then
        COPY_STATE[reason]="${PARAM[mount]} is on the disk of the backups, or on none that could be told"
        return 1
      fi
      ;;
  esac
}

# ---- what the timer runs

# Its sentence, its end, and who is told of it are as with the backup of K3s.
backup_copy() {
  read_params retention kinds
  need retention kinds
  BACKUP=([started]=$(date -u +%Y%m%dT%H%M%SZ) [began]=$(date +%s)
  [sentence]="a command failed: journalctl -u twisterlab-edge-backup-copy has its words")
  trap 'backup_copy_ended $?' EXIT
  trap 'give_up "it was told to end"' TERM INT
  need_restic
  [[ ${PARAM[retention]} =~ ^[1-9][0-9]*$ ]] || not_begun "the retention is no number of seconds"
  read_copy_settings "$COPY/settings"
  enter_backup_folder not_begun
  exec 8> "$COPY/lock"
  flock --nonblock 8 || not_begun "another copy is being made"
  BACKUP[inside]=yes

  local proofs missing snapshot before=0 removed=no
  proofs=$(python3 -c "$LOOK_AT_BACKUPS$BACKUP_SUMS$NEWEST_BACKUPS" "${BACKUP[began]}" "${PARAM[kinds]}")
  # Nothing that could be the last of its kind is removed on the day that it is not here any more.
  missing=$(awk -F '\t' '$1 == "missing" { printf "%s%s", comma, $2; comma = ", " }' <<< "$proofs")
  proofs=$(grep --invert-match '^missing' <<< "$proofs") || give_up "there is no whole backup in ${PARAM[backups]}: nothing was copied"
  open_known_copy give_up
  # What a run has left that was killed: they would be in the way.
  rm -rf -- "$COPY"/cache/restic-check-cache-*
  restic_or_give_up "the repository's old locks could not be removed" unlock
  snapshot=$(copy_backups) || give_up "the backups could not be copied: $(words_of_restic)"
  BACKUP[name]=${snapshot%% *}
  BACKUP[bytes]=${snapshot##* }
  prove_copy "$proofs"
  [[ -z $missing ]] || give_up "${BACKUP[name]} was copied and read back, yet no whole backup of $missing is here: until there is, no old copy is removed"
  [[ ! -e $COPY/good ]] || before=$(< "$COPY/good")
  keep "$COPY/good" <<< "${BACKUP[began]}"

  BACKUP[sentence]="${BACKUP[name]} was copied and read back; what follows failed"
  local looked_over=
  if is_check_due; then
    look_over
    looked_over=yes
  fi
  # By a clock that ran ahead all would be old. Where time has gone by, the next run removes them.
  ((before > 0 && BACKUP[began] - before > PARAM[retention])) || removed=$(remove_old_copies) \
    || give_up "${BACKUP[name]} was copied and read back; the old ones could not be removed: $(words_of_restic)"
  if [[ -n $looked_over ]]; then
    restic_or_give_up "${BACKUP[name]} was copied and read back; what no copy needs could not be removed" prune --quiet
    keep "$COPY/checked" <<< "${BACKUP[began]}"
  fi
  BACKUP[sentence]="${BACKUP[name]}: $(awk -F '\t' '{ printf "%s%s", comma, $2; comma = ", " }' <<< "$proofs") read back as saved; $(iec "${BACKUP[bytes]}") new, $removed old copies removed${looked_over:+, the repository looked over}"
  say "copy: ${BACKUP[sentence]}"
}

# backup_copy_ended STATUS: what remains of a run is its record.
backup_copy_ended() {
  local status=$1 ok=false
  trap - EXIT TERM INT
  rm -f -- "${STAGED[@]}"
  ((status != 0)) || ok=true
  if [[ -n ${BACKUP[inside]:-} ]]; then
    python3 -c "$PUT_RECORD" . copy "${BACKUP[started]}" "${BACKUP[began]}" "$(date +%s)" "$ok" "${BACKUP[sentence]}" \
      "${BACKUP[name]:-}" "${BACKUP[bytes]:-0}" || {
      BACKUP[sentence]+="; its record could not be written"
      status=70
    }
  fi
  ((status == 0)) || logger --tag twisterlab-edge-backup-copy --priority daemon.err -- "the copy of the backups failed: ${BACKUP[sentence]}" || true
  exit "$status"
}

# enter_backup_folder REFUSE: from here on everything goes by `.`.
enter_backup_folder() {
  local folder=${PARAM[backups]}
  [[ -f $folder/$BACKUP_MARK && ! -L $folder/$BACKUP_MARK ]] || "$1" "$folder is not the folder of the backups: its disk is not mounted"
  cd -- "$folder"
  [[ $(pwd -P) == "$folder" ]] || "$1" "$folder is another folder: a symbolic link is in it"
}

# open_known_copy REFUSE: the repository that was made, and no other.
open_known_copy() {
  local known=()
  [[ ! -e $COPY/repository ]] || mapfile -t known < "$COPY/repository"
  [[ ${known[0]:-} == "${PARAM[repository]}" ]] || "$1" "nobody has opened ${PARAM[repository]} yet: npm run up does that"
  open_copy || "$1" "the repository ${PARAM[repository]} cannot be opened: ${COPY_STATE[reason]}"
  [[ ${known[1]:-} == "${COPY_STATE[id]}" ]] || "$1" "there is another repository in the place of ${PARAM[repository]}: nothing was copied to it"
}

restic_or_give_up() { ask_restic 0 "${@:2}" > /dev/null || give_up "$1: $(words_of_restic)"; }

# copy_backups: tells the new copy's ID and how many bytes of it the repository did not have. A file that could not be read
# makes it fail, though there is a copy then.
copy_backups() {
  # From within, so that the copy has the backups at its top, wherever the disk is mounted some day.
  ask_restic 0 backup --json --quiet --host "${PARAM[host]}" --tag "$COPY_TAG" --exclude '.unfinished*' \
    --time "$(date -u --date="@${BACKUP[began]}" '+%Y-%m-%d %H:%M:%S')" . | python3 -c '
import json, sys
for line in sys.stdin:
    told = json.loads(line)
    if told["message_type"] == "summary":
        print(told["snapshot_id"][:8], told["data_added"])
'
}

# prove_copy PROOFS: every file of the newest backups comes back from the repository as its manifest says.
prove_copy() {
  local folder files file sum differing
  while IFS=$'\t' read -r _ folder files; do
    read -r -a files <<< "$files"
    differing=$(ask_restic 0 dump "${BACKUP[name]}" "/$folder" | python3 -c "$FILES_THAT_DIFFER" "${files[@]}") \
      || give_up "$folder cannot be read back from the copy: $(words_of_restic)"
    [[ -n $differing ]] || continue
    read -r file sum <<< "$differing"
    [[ $(sha256sum < "$folder/$file" | cut -d ' ' -f 1) == "$sum" ]] \
      || give_up "$folder itself is damaged, in ${PARAM[backups]}: $file is not as its manifest says"
    give_up "$folder/$file comes back from the copy otherwise than it was saved: the repository is not to be trusted"
  done <<< "$1"
}

# A folder comes by standard input, as an archive. Of the files that are named, with their checksums, tells the first one that
# is not as it should be; what restic could not read it says itself.
readonly FILES_THAT_DIFFER='
import hashlib, sys, tarfile
left = dict(zip(sys.argv[1::2], sys.argv[2::2]))
try:
    archive = tarfile.open(fileobj=sys.stdin.buffer, mode="r|")
    for member in archive:
        name = member.name.rsplit("/", 1)[-1]
        content = archive.extractfile(member) if name in left and member.isreg() else None
        if content:
            sum = hashlib.sha256()
            while part := content.read(1 << 20):
                sum.update(part)
            if sum.hexdigest() == left[name]:
                del left[name]
except tarfile.ReadError:
    pass
for file, sum in left.items():
    print(file, sum)
    break
'

# look_over: what is damaged must not be tidied afterwards, and is looked for everywhere until all is well again.
look_over() {
  local part="--read-data-subset=$((BACKUP[began] / 604800 % COPY_PARTS + 1))/$COPY_PARTS"
  [[ ! -e $COPY/suspect ]] || part=--read-data
  ask_restic 0 check --quiet "$part" > /dev/null || {
    keep "$COPY/suspect" < /dev/null
    give_up "${BACKUP[name]} was copied and read back, yet the repository is damaged: $(words_of_restic)"
  }
  forget "$COPY/suspect"
}

# Once a week; also when the clock was set back since.
is_check_due() {
  local last=0
  [[ ! -e $COPY/checked ]] || last=$(< "$COPY/checked")
  ((BACKUP[began] < last || BACKUP[began] - last >= 561600))
}

# remove_old_copies: tells how many.
remove_old_copies() {
  ask_restic 0 forget --json --host "${PARAM[host]}" --tag "$COPY_TAG" --keep-last 1 \
    --keep-within "$(((PARAM[retention] + 3599) / 3600))h" \
    | python3 -c 'import json, sys; print(sum(len(group["remove"] or []) for group in json.load(sys.stdin)))'
}

# Python: sums(folder, parent) gives the files of a whole backup with their checksums, by its manifest, which is one of them;
# nothing when it is not whole, as far as a look tells.
readonly BACKUP_SUMS='
import hashlib, json, re, sys, time

def sums(name, parent):
    try:
        folder = os.open(name, FOLDER, dir_fd=parent)
        if regular("manifest.json", folder) is None:
            return None
        text = open(os.open("manifest.json", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder), "rb").read(LARGEST)
        manifest = json.loads(text)
        found = {"manifest.json": hashlib.sha256(text).hexdigest()}
        for key, sum in (("file", "sha256"), ("contents", "contentsSha256"), ("configuration", "configurationSha256")):
            if key not in manifest and key != "file":
                continue
            if not re.fullmatch("[a-z0-9][a-z0-9.]*", manifest[key]) or not re.fullmatch("[0-9a-f]{64}", manifest[sum]):
                return None
            found[manifest[key]] = manifest[sum]
            if regular(manifest[key], folder) is None:
                return None
        return found if regular(manifest["file"], folder).st_size == manifest["bytes"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
'

# Of each kind that is backed up, or was: its newest whole backup (kind, folder, files with their checksums), and what is not
# there. A name that is of later than now is not believed: it would be the newest for ever.
readonly NEWEST_BACKUPS='
now, kinds = int(sys.argv[1]), sys.argv[2].split()
latest = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now + 3600))
here = os.open(".", FOLDER)
places = {"": here}
try:
    k3s = os.open("k3s", FOLDER, dir_fd=here)
    # That of K3s is of root; elsewhere anybody could have put it.
    if os.fstat(k3s).st_uid == os.geteuid() and not os.fstat(k3s).st_mode & 0o077:
        places["k3s/"] = k3s
except OSError:
    pass
newest = {}
for place, parent in places.items():
    for name in sorted(os.listdir(parent), reverse=True):
        match = re.fullmatch("([a-z0-9]+)-([0-9]{8}T[0-9]{6}Z)", name)
        if not match or (match[1] == "k3s") != (place == "k3s/") or match[1] in newest or match[2] > latest:
            continue
        whole = sums(name, parent)
        if whole:
            newest[match[1]] = (place + name, whole)
for kind, (folder, files) in sorted(newest.items()):
    print(kind, folder, " ".join(file + " " + sum for file, sum in files.items()), sep="\t")
for kind in kinds:
    if kind not in newest:
        print("missing", kind, sep="\t")
'

# ---- the way back

backup_copy_list() {
  need_restic
  trap finish EXIT
  read_copy_settings "$COPY/settings"
  open_known_copy refuse
  local copies name copy time
  copies=$(copied_backups) || refuse "the copies could not be read: $(words_of_restic)"
  [[ -n $copies ]] || say "the copy has no backup yet"
  while read -r name copy time; do
    [[ -z $name ]] || say "$name  in the copy $copy of $time$([[ ! -d ${PARAM[backups]}/$(place_of "$name") ]] || printf ', and here')"
  done <<< "$copies"
}

# copied_backups: of each backup its name, and the newest copy that has it, with its time.
copied_backups() {
  local snapshots found
  # Without a lock: neither a run that goes on nor one that was killed is in the way, nor a repository that can only be read.
  snapshots=$(ask_restic 0 --no-lock snapshots --json --host "${PARAM[host]}" --tag "$COPY_TAG") || return 1
  found=$(ask_restic 0 --no-lock find --json --host "${PARAM[host]}" --tag "$COPY_TAG" manifest.json) || return 1
  python3 -c '
import json, re, sys
snapshots, found = (json.loads(text or "[]") or [] for text in sys.stdin.read().split("\0"))
time_of = {snapshot["id"]: snapshot["time"][:19] + "Z" for snapshot in snapshots}
newest = {}
for hits in found:
    for match in hits["matches"] or []:
        name = re.fullmatch("/(?:k3s/(k3s-[0-9]{8}T[0-9]{6}Z)|((?:before-restore-)?[a-z0-9]+-[0-9]{8}T[0-9]{6}Z))/manifest.json", match["path"])
        if name and hits["snapshot"] in time_of:
            one = (time_of[hits["snapshot"]], hits["snapshot"])
            newest[name[1] or name[2]] = max(one, newest.get(name[1] or name[2], one))
for name, (time, snapshot) in sorted(newest.items()):
    print(name, snapshot[:8], time)
' < <(printf '%s\0%s' "$snapshots" "$found")
}

# place_of NAME: of a backup, in the folder of all.
place_of() {
  if [[ $1 == k3s-* ]]; then printf 'k3s/%s' "$1"; else printf '%s' "$1"; fi
}

# It is put together in the folder that is root's alone, so that no pod gets at it before it was checked.
backup_copy_fetch() {
  local name=${1:-} place copies copy time bytes free faults
  [[ $# == 1 && $name =~ ^(before-restore-)?[a-z0-9]+-[0-9]{8}T[0-9]{6}Z$ ]] || refuse "say which: backup-copy fetch NAME, by a name that backup-copy list shows"
  need_restic
  trap finish EXIT
  read_copy_settings "$COPY/settings"
  place=$(place_of "$name")
  enter_backup_folder refuse
  cd -- k3s 2> /dev/null || refuse "${PARAM[backups]}/k3s is not there: npm run up makes it"
  [[ $(pwd -P) == "${PARAM[backups]}/k3s" && -O . && $(stat --format=%a .) == 700 ]] || refuse "${PARAM[backups]}/k3s is not root's alone: npm run up puts that right"
  exec 8> "$COPY/fetching"
  flock --nonblock 8 || refuse "another backup is being fetched"
  [[ ! -e ../$place && ! -L ../$place ]] || refuse "${PARAM[backups]}/$place is there already"
  open_known_copy refuse
  copies=$(copied_backups) || refuse "the copies could not be read: $(words_of_restic)"
  read -r copy time < <(awk -v name="$name" '$1 == name { print $2, $3 }' <<< "$copies") || refuse "no copy has $name: backup-copy list shows those that there are"

  bytes=$(ask_restic 0 --no-lock ls --json "$copy" "/$place" | python3 -c '
import json, sys
print(sum(json.loads(line).get("size", 0) for line in sys.stdin))
') || fail "$name could not be read in the copy $copy: $(words_of_restic)"
  free=$(df --output=avail --block-size=1 . | tail -n 1)
  ((free >= 2 * bytes)) || refuse "$(iec "$free") are free in ${PARAM[backups]}; $name takes $(iec "$bytes"), and as much must stay free"
  rm -rf -- "$COPY_UNFINISHED"
  mkdir -- "$COPY_UNFINISHED"
  ask_restic 0 --no-lock restore --quiet "$copy" --target "$COPY_UNFINISHED" --include "/$place" > /dev/null \
    || fetch_failed "$name could not be read back from the copy $copy: $(words_of_restic)"
  faults=$(faults_of "$COPY_UNFINISHED/$place")
  [[ -z $faults ]] || fetch_failed "$name is damaged in the copy $copy: $faults"
  give_to_pods "$COPY_UNFINISHED/$place"
  find "$COPY_UNFINISHED" -exec sync -- {} +
  # A name that is taken meanwhile stays whose it is.
  mv --no-clobber -T -- "$COPY_UNFINISHED/$place" "../$place" || fetch_failed "$name could not be put into ${PARAM[backups]}"
  [[ ! -e $COPY_UNFINISHED/$place ]] || fetch_failed "${PARAM[backups]}/$place is there already"
  sync -- . ..
  rm -rf -- "$COPY_UNFINISHED"
  say "${PARAM[backups]}/$place is back, as it was saved, from the copy $copy of $time"
  say "If it is older than phase0.backups.retention, the next backup of its kind removes it again: restore it before."
}

fetch_failed() {
  rm -rf -- "$COPY_UNFINISHED"
  fail "$1"
}

# faults_of FOLDER: of a backup that was fetched; nothing when it is as its manifest says.
faults_of() {
  local files file sum
  files=$(python3 -c "$LOOK_AT_BACKUPS$BACKUP_SUMS"'
for file, sum in (sums(sys.argv[1], None) or {}).items():
    print(file, sum, sep="\t")
' "$1")
  [[ -n $files ]] || printf 'it is not whole'
  while IFS=$'\t' read -r file sum; do
    [[ -z $file || $(sha256sum < "$1/$file" | cut -d ' ' -f 1) == "$sum" ]] || printf '%s is not as its manifest says' "$file"
  done <<< "$files"
}

# give_to_pods FOLDER: unless it is one of K3s, they read it with their group, which is that of the folder of the backups.
give_to_pods() {
  if [[ $1 == */k3s-* ]]; then
    chmod --recursive u+rwX,go= -- "$1"
  else
    chgrp --recursive --no-dereference "$(stat --format=%g ..)" -- "$1"
    chmod --recursive u+rwX,g+rwX,o= -- "$1"
    find "$1" -type d -exec chmod g+s -- {} +
  fi
}
