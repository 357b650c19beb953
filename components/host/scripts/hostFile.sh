# host-file put|undo: one file of the host, staged, checked by the tool that reads it, installed by rename, put to work,
# and taken back when it does not work.
#
# Parameters: item, path, mode, owner, sha256 of the content, validate and activate (names of functions in this folder), and
# confirm_within (seconds) when the change is to be confirmed.
# The item's record keeps `original` (or `original.absent`) from before the first put, `previous` from before the last,
# `path`, `activate`, `installed` with the checksum of what we wrote, and `previous.installed`.

host_file_put() {
  read_params item path mode owner sha256 validate activate confirm_within
  need item path mode owner sha256 validate activate
  local path=${PARAM[path]} mode=${PARAM[mode]} owner=${PARAM[owner]} record staged
  [[ $path == /* ]] || refuse "'$path' is not an absolute path"
  [[ ! -L $path ]] || refuse "$path is a symbolic link"
  [[ ! -e $path || -f $path ]] || refuse "$path is not a regular file"
  record=$(item_folder "${PARAM[item]}")
  [[ ! -e $record/path || $(< "$record/path") == "$path" ]] \
    || refuse "item ${PARAM[item]} is $(< "$record/path") on this host: undo that one first"

  [[ -d $(dirname -- "$path") ]] || (umask 022 && mkdir -p -- "$(dirname -- "$path")")
  staged=$(new_file_beside "$path")
  remove_at_exit "$staged"
  cat > "$staged"
  printf '%s  %s\n' "${PARAM[sha256]}" "$staged" | sha256sum --check --status || refuse "the content of $path arrived incomplete"
  chown -- "$owner" "$staged"
  chmod -- "$mode" "$staged"
  "validate_${PARAM[validate]//-/_}" "$staged" "$path" "$record"
  install_staged "$staged" "$path" "$record"
}

# install_staged STAGED PATH RECORD: the staged file, whole and checked, becomes PATH and is put to work, or nothing is changed.
install_staged() {
  local staged=$1 path=$2 record=$3 sha256
  sha256=$(sha256sum -- "$staged" | cut -d' ' -f1)
  # As wanted is only what is at work too: a timer that somebody stopped has the same file.
  if same_file "$staged" "$path" && "healthy_${PARAM[activate]//-/_}" "$path"; then
    # Also when it stood there before us: so that taking the item back later knows what to bring back.
    keep_original "$path" "$record"
    rm -f -- "$record/reverted"
    keep "$record/path" <<< "$path"
    keep "$record/activate" <<< "${PARAM[activate]}"
    keep "$record/installed" <<< "$sha256"
    say "$path is as wanted"
    return 0
  fi

  keep_original "$path" "$record"
  keep "$record/path" <<< "$path"
  keep "$record/activate" <<< "${PARAM[activate]}"
  keep_previous "$path" "$record"
  sync -- "$staged"
  arm "${PARAM[item]}" host-file
  keep "$record/installed" <<< "$sha256"
  mv -fT -- "$staged" "$path"
  sync -- "$(dirname -- "$path")"
  "activate_${PARAM[activate]//-/_}" "$path" || fail "$path: the service did not accept the new version"
  await_confirmation "${PARAM[item]}" host-file
  say "installed $path"
}

host_file_undo() {
  read_params item path mode owner sha256 validate activate confirm_within
  need item path activate
  local path=${PARAM[path]} record
  record=$(item_folder "${PARAM[item]}")
  clear_beside "$path"
  if [[ ! -e $record/installed ]]; then
    rm -rf -- "$record"
    say "$path was never installed by us"
    return 0
  fi
  if [[ -e $path ]] && ! is_ours "$path" "$record"; then
    refuse "$path was changed by hand since it was installed: put ours there again (npm run up) and take the item out then, or bring back $record/original yourself"
  fi
  keep_previous "$path" "$record"
  # Ours comes back when this fails or is cut off. No later command could confirm it; but what was there before us ran
  # here already, and a service that is healthy with it is enough.
  arm "${PARAM[item]}" host-file
  bring_back "$path" "$record/original"
  "activate_${PARAM[activate]//-/_}" "$path" || fail "$path: the service did not accept the version from before us"
  rm -f -- "$record/installed"
  disarm "${PARAM[item]}"
  rm -rf -- "$record"
  say "brought back $path"
}

# revert_host_file ITEM now|boot: the last version that worked. At boot no service runs yet that would have to take notice.
revert_host_file() {
  local record=$STATE/items/$1 path
  path=$(< "$record/path")
  bring_back "$path" "$record/previous"
  bring_back "$record/installed" "$record/previous.installed"
  [[ $2 == boot ]] || "activate_$(tr - _ < "$record/activate")" "$path" || exit "$UNHEALTHY"
}

healthy_host_file() {
  "healthy_$(tr - _ < "$STATE/items/$1/activate")" "$(< "$STATE/items/$1/path")"
}

# new_file_beside PATH: an empty file in its folder, to be renamed to it. Should we die before that, nobody reads what is
# left: logrotate, which reads the hidden files of its folder too, passes over those of dpkg.
new_file_beside() {
  clear_beside "$1"
  mktemp --suffix=.dpkg-tmp -- "$(dirname -- "$1")/twisterlab-edge.XXXXXX"
}

# clear_beside PATH: what a verb that died has left in its folder goes. We have the turn, so nobody needs it any more.
clear_beside() { rm -f -- "$(dirname -- "$1")"/twisterlab-edge.??????.dpkg-tmp; }

# is_ours PATH RECORD: the file is what we installed last, byte for byte.
is_ours() {
  [[ -e $2/installed ]] && printf '%s  %s\n' "$(< "$2/installed")" "$1" | sha256sum --check --status
}

# same_file A B: same bytes, mode and owner.
same_file() {
  [[ -e $2 ]] && cmp --silent -- "$1" "$2" && [[ $(stat -c '%a %u:%g' -- "$1") == "$(stat -c '%a %u:%g' -- "$2")" ]]
}

# keep_copy PATH COPY: an exact copy, or a mark that there was nothing; at no instant neither.
keep_copy() {
  if [[ -e $1 ]]; then
    cp --archive -- "$1" "$2.new"
    sync -- "$2.new"
    mv -fT -- "$2.new" "$2"
    rm -f -- "$2.absent"
  else
    : > "$2.absent"
    rm -f -- "$2"
  fi
  sync -- "$(dirname -- "$2")"
}

# keep_original PATH RECORD: what was there before us; as long as nothing of ours is, that is what is there now.
keep_original() {
  [[ -e $2/installed ]] || keep_copy "$1" "$2/original"
}

# keep_previous PATH RECORD: what a revert brings back. A change that still waits to be confirmed has not proved itself, so
# that stays what was there before it.
keep_previous() {
  [[ ! -e $ARMED/${PARAM[item]} ]] || return 0
  keep_copy "$1" "$2/previous"
  keep_copy "$2/installed" "$2/previous.installed"
}

# bring_back PATH COPY: the reverse of keep_copy, by rename.
bring_back() {
  if [[ -e $2.absent ]]; then
    rm -f -- "$1"
  else
    [[ -e $2 ]] || failed_needs_help "$1: the kept copy $2 is gone"
    local staged
    staged=$(new_file_beside "$1")
    cp --archive -- "$2" "$staged"
    sync -- "$staged"
    mv -fT -- "$staged" "$1"
  fi
  sync -- "$(dirname -- "$1")"
}

# ---- validate_NAME STAGED PATH RECORD: refuses, or returns 0. Nothing is installed yet.

validate_none() { :; }

validate_docker_daemon() {
  need_commands dockerd python3
  # Keys that stand on the host and that nobody declared would be lost without a word.
  local lost=
  [[ ! -e $2 ]] || is_ours "$2" "$3" || lost=$(
    python3 - "$1" "$2" << 'PY'
import json, sys
staged, path = sys.argv[1:]
try:
    there = json.loads(open(path, "rb").read() or b"{}")
except ValueError:
    sys.exit(0)

def names(daemon):
    for key, value in daemon.items():
        yield key
        if isinstance(value, dict):
            yield from (f"{key}.{inner}" for inner in value)

print(" ".join(sorted(set(names(there)) - set(names(json.load(open(staged)))))))
PY
  )
  [[ -z $lost ]] || refuse "$2 has keys that the site file does not declare ($lost): add them to phase1.docker.extra, or take them out of $2"
  local report driver
  report=$(dockerd --validate --config-file="$1" 2>&1) || refuse "dockerd --validate does not accept the new $2: $report"
  # Another driver, or the containerd image store, would not see one image or container of today.
  driver=$(docker_storage_driver)
  [[ -z $driver ]] || python3 -c 'import json, sys; sys.exit(json.load(open(sys.argv[1])).get("storage-driver") != sys.argv[2])' "$1" "$driver" \
    || refuse "Docker's images and containers are in the storage driver $driver: with the one of the new $2 they would be out of sight"
}

# The driver that Docker runs with or, when a broken daemon.json keeps it down, the one that its data is in.
docker_storage_driver() {
  timeout 10 docker info --format '{{.Driver}}' 2> /dev/null || ls -A /var/lib/docker/image 2> /dev/null || true
}

validate_k3s_registries() {
  need_commands k3s python3
  python3 -c 'import yaml' 2> /dev/null || refuse "python3-yaml is not installed on this host: $2 cannot be compared"
  # Without its words: they quote the file, and a password may be in that line.
  python3 - "$1" 2> /dev/null << 'PY' || refuse "the new $2 is not valid YAML"
import sys, yaml
yaml.safe_load(open(sys.argv[1]))
PY
  # A mirror that nobody declared would be lost without a word, and its images with it.
  local lost=
  [[ ! -e $2 ]] || is_ours "$2" "$3" || lost=$(
    python3 - "$1" "$2" << 'PY'
import sys, yaml

def names(path):
    return {name for part in (yaml.safe_load(open(path)) or {}).values() for name in part or {}}

staged, path = sys.argv[1:]
try:
    there = names(path)
except Exception:
    # K3s cannot read it either: there is nothing in it that still counts.
    sys.exit(0)
print(" ".join(sorted(there - names(staged))))
PY
  )
  [[ -z $lost ]] || refuse "$2 has registries that the site file does not declare ($lost): take them out of $2 first, or keep this item out"
}

validate_certificate() {
  need_commands openssl
  openssl x509 -in "$1" -noout -checkend 0 > /dev/null || refuse "the certificate for $2 is not readable or has expired"
}

# ---- activate_NAME PATH: puts what is now installed to work, and proves it. Called where an error does not end it: && or ||.

activate_none() { :; }

# Reload first: it turns live-restore on, so that the containers outlive the restart that the other keys need. Bringing
# back a file without live-restore stops and starts the containers.
activate_docker() {
  systemctl is-active --quiet docker && systemctl reload docker && sleep 1
  systemctl reset-failed docker docker.socket 2> /dev/null || true
  timeout 120 systemctl restart docker && wait_until 60 healthy_docker
}

# Pods outlive a restart of k3s; the API server is away for some seconds. Its word that it is ready is no proof: a kubelet
# that does not accept its flags ends K3s only after that, and systemd starts it again and again.
activate_k3s() {
  timeout 300 systemctl restart k3s && wait_until 180 healthy_k3s && stays_up k3s 10 && healthy_k3s
}

# stays_up SERVICE SECONDS: it runs without being started again.
stays_up() {
  local invocation
  invocation=$(systemctl show --property InvocationID --value "$1")
  sleep "$2"
  [[ $(systemctl show --property InvocationID --value "$1") == "$invocation" ]] && systemctl is-active --quiet "$1"
}

# ---- healthy_NAME PATH: what was activated still works. Changes nothing.

healthy_none() { :; }
healthy_docker() { timeout 10 docker info > /dev/null 2>&1; }
# With a broken registries.yaml the API server is ready, and K3s never says that it has started.
healthy_k3s() { systemctl is-active --quiet k3s && timeout 10 k3s kubectl get --raw /readyz > /dev/null 2>&1; }
