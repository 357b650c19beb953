# observe: facts about this host, one section a tool, nothing changed. Sections that need root are missing without it.
# Standard input: `key: HEX`, the key of the hashes that files are compared by, `limit: SECONDS` for each tool (default 3), and
# an empty line.

observe() {
  # The holder of the key that may only observe sends what he likes: no more of it is read, and no longer, than this.
  read_params key limit < <(timeout 30 head --bytes=1024)
  need key
  [[ ${PARAM[key]} =~ ^([0-9a-f]{2}){1,64}$ ]] || refuse "the key is not in hexadecimal"
  [[ ${PARAM[limit]:=3} =~ ^[1-9][0-9]{0,2}$ ]] || refuse "the limit is no number of seconds"
  section machine-id cat /etc/machine-id
  section os-release cat /etc/os-release
  section kernel uname -r
  section threads nproc
  section disks lsblk --json --bytes --output NAME,TYPE,SIZE,SERIAL,PKNAME,FSTYPE,MOUNTPOINT
  section mounts findmnt --json --bytes --real --output TARGET,SOURCE,FSTYPE,OPTIONS,SIZE,USED
  section volume-groups vgs --config "$WRITE_NOTHING" --reportformat json --units b --nosuffix --options vg_name,vg_size,vg_free,vg_extent_size,vg_missing_pv_count
  section logical-volumes lvs --config "$WRITE_NOTHING" --reportformat json --units b --nosuffix --options vg_name,lv_name,lv_size,lv_layout
  section physical-volumes pvs --config "$WRITE_NOTHING" --reportformat json --units b --nosuffix --options pv_name,vg_name,pv_size,pv_free
  section default-route ip -json -4 route show default
  section k3s-version k3s --version
  section kubelet kubelet_config
  section k3s-images k3s crictl images --output json
  section docker-images docker image ls --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}'
  section observer-account observer_account
  section passwordless-sudo passwordless_sudo /etc/sudoers.d/twisterlab-edge
  section units systemctl show --property Id,UnitFileState,ActiveState docker.service k3s.service logrotate.timer twisterlab-edge-revert.service twisterlab-edge-revert-at-boot.service twisterlab-edge-disk-alert.timer twisterlab-edge-disk-cleanup.timer twisterlab-edge-backup-log.timer twisterlab-edge-k3s-backup.timer twisterlab-edge-backup-copy.timer
  section journald-config journald_config
  section journal-bytes du --summarize --block-size=1 "$JOURNAL"
  section entry-point sha256sum "$ENTRY"
  section entry-point-users grep --recursive '' "$STATE/users"
  section lease lease_as_json
  export HASH_KEY=${PARAM[key]}
  section files python3 -c "$FILES_AS_JSON" "$STATE"
  section items python3 -c "$ITEMS_AS_JSON" "$STATE"
  section backup-folders python3 -c "$BACKUP_FOLDERS_AS_JSON" "$STATE" "$BACKUP_MARK"
  tell_sections
  printf '== end\n'
}

# Where LVM has no backup of its metadata yet, a mere report would write one.
readonly WRITE_NOTHING='backup { backup = 0 archive = 0 }'

# section NAME COMMAND...: a heading and the command's output; a command that fails leaves no section. All of them are asked
# at once and told in this order: most of the time is waiting for somebody's answer.
SECTIONS=()
ANSWERS=()
section() {
  local answer
  SECTIONS+=("$1")
  shift
  exec {answer}< <(
    status=0
    # One tool that hangs must not take the others' answers with it; a function of ours cannot be given to timeout.
    if [[ $(type -t "$1") == function ]]; then
      "$@" 2> /dev/null || status=$?
    else
      timeout "${PARAM[limit]}" "$@" 2> /dev/null || status=$?
    fi
    printf '\n%s' "$status"
  )
  ANSWERS+=("$answer")
}

tell_sections() {
  local number output
  for number in "${!SECTIONS[@]}"; do
    output=$(cat <&"${ANSWERS[number]}")
    [[ ${output##*$'\n'} != 0 ]] || printf '== %s\n%s\n' "${SECTIONS[number]}" "${output%$'\n'*}"
  done
}

# Files by path, null for one that is not there. A content is shown only where no secret can be in it; of the others, and
# of whatever path an item of ours has, there is the keyed hash. What may be read is written here and not asked for, so
# that the key that may only observe cannot read anything else.
readonly FILES_AS_JSON='
import glob, grp, hashlib, hmac, json, os, pwd, re, stat, sys
key = bytes.fromhex(os.environ["HASH_KEY"])
state = sys.argv[1]
open_paths = [
    "/etc/docker/daemon.json",
    "/etc/fstab",
    "/etc/hosts",
    "/etc/logrotate.conf",
    "/etc/systemd/journald.conf",
    "/etc/systemd/journald.conf.d/zz-twisterlab-edge.conf",
    "/etc/logrotate.d/rsyslog",
    "/etc/systemd/system/logrotate.timer.d/50-twisterlab-edge.conf",
    "/etc/systemd/system/twisterlab-edge-disk-alert.service",
    "/etc/systemd/system/twisterlab-edge-disk-alert.timer",
    "/etc/systemd/system/twisterlab-edge-disk-cleanup.service",
    "/etc/systemd/system/twisterlab-edge-disk-cleanup.timer",
    "/etc/systemd/system/twisterlab-edge-backup-log.service",
    "/etc/systemd/system/twisterlab-edge-backup-log.timer",
    "/etc/systemd/system/twisterlab-edge-k3s-backup.service",
    "/etc/systemd/system/twisterlab-edge-k3s-backup.timer",
    "/etc/systemd/system/twisterlab-edge-backup-copy.service",
    "/etc/systemd/system/twisterlab-edge-backup-copy.timer",
    state + "/backup-copy/id_ed25519.pub",
    "/etc/logrotate.d/twisterlab-edge-backup",
    "/etc/sudoers.d/twisterlab-edge",
    "/etc/rancher/k3s/config.yaml.d/50-twisterlab-edge.yaml",
    "/etc/rancher/k3s/config.yaml.d/51-twisterlab-edge-servicelb.yaml",
    "/var/lib/twisterlab-edge-observer/.ssh/authorized_keys",
]
open_globs = [
    "/etc/logrotate.d/*",
    "/etc/systemd/journald.conf.d/*.conf",
    "/run/systemd/journald.conf.d/*.conf",
    "/usr/lib/systemd/journald.conf.d/*.conf",
    "/etc/systemd/system/logrotate.timer.d/*.conf",
    "/etc/systemd/system/twisterlab-edge-*",
    "/etc/rancher/k3s/*.crt",
    "/etc/docker/certs.d/*/ca.crt",
]
closed_paths = ["/etc/rancher/k3s/registries.yaml", "/etc/rancher/k3s/config.yaml"]
closed_paths += [state + "/backup-copy/settings", state + "/backup-copy/id_ed25519"]
closed_globs = ["/etc/rancher/k3s/config.yaml.d/*.yaml", "/etc/sudoers.d/*"]
wanted = dict.fromkeys(open_paths, True)
wanted |= dict.fromkeys((p for g in open_globs for p in glob.glob(g)), True)
closed = closed_paths + [p for g in closed_globs for p in glob.glob(g)]
for record in glob.glob(state + "/items/*/path"):
    closed.append(open(record).read().strip())
for path in closed:
    wanted.setdefault(path, False)

def name(find, number):
    try:
        return find(number)[0]
    except KeyError:
        return str(number)

def fact(path, shown):
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(info.st_mode):
        return {"mode": "-", "owner": "-", "keyedHash": "not a regular file"}
    content = open(path, "rb").read(1 << 24)
    found = {
        "mode": "%o" % stat.S_IMODE(info.st_mode),
        "owner": name(pwd.getpwuid, info.st_uid) + ":" + name(grp.getgrgid, info.st_gid),
        "keyedHash": hmac.new(key, content, hashlib.sha256).hexdigest(),
    }
    # What only root may read and is not ours, somebody closed for a reason: a proxy with its password in daemon.json, say.
    if shown and len(content) <= 65536 and ("twisterlab-edge" in path or info.st_mode & stat.S_IROTH):
        try:
            # A share of Windows may have its password in fstab.
            found["content"] = re.sub(r"\b(password|passwd|pass)=[^,\s]*", r"\1=[secret]", content.decode())
        except UnicodeDecodeError:
            pass
    return found

print(json.dumps({path: fact(path, shown) for path, shown in wanted.items()}))
'

# The records of the items that were applied here; see hostFile.sh and confirm.sh for what lies in them.
readonly ITEMS_AS_JSON='
import glob, hashlib, json, os, sys
state = sys.argv[1]

def text(path):
    try:
        return open(path).read().strip()
    except FileNotFoundError:
        return None

def ours(folder):
    try:
        return hashlib.sha256(open(text(folder + "path"), "rb").read()).hexdigest() == text(folder + "installed")
    except (OSError, TypeError):
        return False

items = {}
for folder in glob.glob(state + "/items/*/"):
    item = os.path.basename(folder.rstrip("/"))
    revision, reverted = text(folder + "revision"), text(folder + "reverted")
    items[item] = {
        "armed": os.path.exists(state + "/armed/" + item),
        **({"revision": int(revision)} if revision and revision.isdigit() else {}),
        **({"reverted": reverted} if reverted else {}),
        **({"ours": True} if ours(folder) else {}),
    }
print(json.dumps(items))
'
