# backup-folder make: the folder of the backups, on a disk other than the system's. Pods write to it, and to `runs` and
# `drills` in it, with a group of their own; `k3s` is root's alone. The mark in it says that its disk is there.
# There is no undo: whatever becomes of the item, every backup stays. An existing folder keeps all that is in it.
#
# Parameters: item, mount (mount point of the disk), path (the folder, below it), group (number of the pods' group).
# The item's record has `folder`, the path: `observe` looks there.

# Root's file in the folder. Where the disk is not mounted there is none, and nobody takes the folder for that of the backups.
readonly BACKUP_MARK=.twisterlab-edge

# Python, before what looks into the folder: most of what is there comes from pods, and is text, and no link.
readonly LOOK_AT_BACKUPS='
import os, stat
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# A record or a manifest has some hundred bytes.
LARGEST = 1 << 16

def regular(name, parent):
    """What is known of a regular file; nothing for anything else."""
    try:
        found = os.stat(name, dir_fd=parent, follow_symlinks=False)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None
'

backup_folder_make() {
  read_params item mount path group
  need item mount path group
  need_commands python3 mountpoint findmnt lsblk realpath
  local mount=${PARAM[mount]} path=${PARAM[path]} group=${PARAM[group]} record errors
  [[ $group =~ ^[1-9][0-9]*$ ]] || refuse "'$group' is not the number of a group"
  is_on_disk_of_its_own "$path" "$mount" "a backup there goes with what it was made of"
  record=$(item_folder "${PARAM[item]}")
  errors=$(python3 -c "$MAKE_BACKUP_FOLDER" "$path" "$group" "$BACKUP_MARK" 2>&1) || fail "$path could not be made: ${errors##*$'\n'}"
  keep "$record/folder" <<< "$path"
  say "$path is as wanted"
}

# is_on_disk_of_its_own PATH MOUNT OTHERWISE: the folder is below the mount point of a disk that / is not on; what is said
# otherwise is why it should be.
is_on_disk_of_its_own() {
  local path=$1 mount=$2 holding
  [[ $path == "$mount"/* ]] || refuse "$path is not below $mount"
  # Also where only a part of it is there yet.
  [[ $(realpath --canonicalize-missing -- "$path") == "$path" ]] || refuse "$path is another folder: a symbolic link is in it, or it is not written out"
  mountpoint --quiet -- "$mount" || refuse "$mount is not a mount point: its disk is not mounted"
  # Where several are mounted over each other, each is told.
  holding=$(mount_of "$path" | tail -n 1)
  [[ $holding == "$mount" ]] || refuse "$path is on $holding, not on $mount"
  has_disks_of_its_own "$mount" "$3"
}

# has_disks_of_its_own MOUNT OTHERWISE: it is another file system than /, and none of its disks is one of /'s.
has_disks_of_its_own() {
  [[ $(device_of "$1") != "$(device_of /)" ]] || refuse "$1 is the file system of /: $2"
  local own system shared
  own=$(disks_of "$1")
  [[ -n $own ]] || refuse "$1 is not on a disk of this host that could be told"
  system=$(disks_of /)
  [[ -n $system ]] || refuse "the disk of / could not be told"
  shared=$(comm -12 <(printf '%s\n' "$own") <(printf '%s\n' "$system"))
  [[ -z $shared ]] || refuse "$1 is on ${shared//$'\n'/ }, a disk of /: $2"
}

device_of() { stat --format=%d -- "$1"; }

# disks_of MOUNT: the whole disks that its file system is on, through partitions, volumes and RAIDs; sorted. Nothing when it
# is on none.
disks_of() {
  local source
  # The last one, where several are mounted over each other.
  source=$(findmnt --noheadings --nofsroot --output SOURCE --mountpoint "$1" | tail -n 1) || true
  { lsblk --inverse --noheadings --paths --raw --output NAME,TYPE -- "$source" 2> /dev/null || true; } | awk '$2 == "disk" { print $1 }' | sort --unique
}

# By open folders and never through a link: pods may put something else in the place of what was looked at a moment ago.
readonly MAKE_BACKUP_FOLDER='
import os, stat, sys
path, group, mark = sys.argv[1], int(sys.argv[2]), sys.argv[3]
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW

def give(opened, group, mode):
    # In this order: another owner takes the setgid bit away.
    os.fchown(opened, 0, group)
    os.fchmod(opened, mode)
    os.fsync(opened)

def make(name, parent, group, mode):
    try:
        # Nobody else looks in before it is given away.
        os.mkdir(name, 0o700, dir_fd=parent)
    except FileExistsError:
        pass
    opened = os.open(name, FOLDER, dir_fd=parent)
    give(opened, group, mode)
    return opened

try:
    above, name = os.path.split(path)
    os.umask(0o022)
    os.makedirs(above, exist_ok=True)
    above = os.open(above, FOLDER)
    folder = make(name, above, group, 0o2770)
    for name in ("runs", "drills"):
        make(name, folder, group, 0o2770)
    make("k3s", folder, 0, 0o700)
    # Last: it says that the rest is there. Its time stays that of the first time.
    file = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        sys.exit(mark + " in it is no regular file")
    give(file, 0, 0o644)
    os.fsync(folder)
    os.fsync(above)
except OSError as error:
    sys.exit(f"{error.filename or path}: {error.strerror}")
'

# What `observe` tells of the folders of such items: what has the name of each entry of ours (`.` is the folder itself).
readonly BACKUP_FOLDERS_AS_JSON='
import glob, json, os, stat, sys
state, mark = sys.argv[1:]

def entry(path):
    try:
        info = os.lstat(path)
    except OSError:
        return None
    kind = "folder" if stat.S_ISDIR(info.st_mode) else "file" if stat.S_ISREG(info.st_mode) else "other"
    return {"kind": kind, "mode": "%o" % stat.S_IMODE(info.st_mode), "owner": f"{info.st_uid}:{info.st_gid}"}

folders = {}
for record in glob.glob(state + "/items/*/folder"):
    path = open(record).read().strip()
    entries = {name: entry(os.path.join(path, name)) for name in ("runs", "drills", "k3s", mark)}
    folders[record.split("/")[-2]] = {"path": path, "entries": {".": entry(path), **entries}}
print(json.dumps(folders))
'
