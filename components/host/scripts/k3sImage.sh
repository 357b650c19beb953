# k3s-image import|undo: an image that no registry has, given to K3s' containerd from this host's Docker or from an
# archive of `docker save`. It is streamed, known by its ID (the digest of its configuration, which Docker and Kubernetes
# both call it by), and pinned: the kubelet would clear it away, and nobody could pull it again.
#
# Parameters: item, image (as Docker calls it), name (as containerd does), source (`docker` or `archive`), archive (its
# path), id (`sha256:...`; left out: the one that Docker has).
# The item's record has `name`, `id` of what we imported last, and `original`: what stood under the name before us, `no`
# (nothing), `same` (the very image), `kept` or `kept pinned`, as NAME-before-twisterlab-edge. While an import is under way, what it
# replaces is kept as NAME-previous-twisterlab-edge, and `previous` says whether there was anything.

readonly BEFORE_US=-before-twisterlab-edge
readonly PREVIOUS=-previous-twisterlab-edge

k3s_image_import() {
  read_params item image name source archive id
  need item image name source
  need_commands k3s python3
  local name=${PARAM[name]} record there wanted kept
  record=$(item_folder "${PARAM[item]}")
  healthy_k3s_image || refuse "K3s' containerd does not answer"
  there=$(k3s_image_id "$name")
  wanted=$(wanted_image_id "$there" "$record")
  if [[ $there == "$wanted" ]]; then
    pin_k3s_image "$name"
    # Of an import that was cut off when it was already done.
    drop_k3s_image "$name$PREVIOUS"
    [[ -e $record/original ]] || keep "$record/original" <<< same
    keep "$record/name" <<< "$name"
    keep "$record/id" <<< "$wanted"
    rm -f -- "$record/reverted"
    say "$name is $wanted"
    return 0
  fi

  enough_room_for_image
  keep "$record/name" <<< "$name"
  if [[ ! -e $record/original || $(< "$record/original") == same ]]; then
    kept=$(keep_k3s_image "$name" "$BEFORE_US")
    keep "$record/original" <<< "$kept"
  fi
  kept=$(keep_k3s_image "$name" "$PREVIOUS")
  keep "$record/previous" <<< "$kept"
  arm "${PARAM[item]}" k3s-image
  stream_image | timeout 3600 k3s ctr --namespace k8s.io images import - > /dev/null || fail "$name was not imported"
  wait_until 30 is_k3s_image "$name" "$wanted" || fail "what was imported as $name is not $wanted"
  pin_k3s_image "$name"
  keep "$record/id" <<< "$wanted"
  await_confirmation "${PARAM[item]}" k3s-image
  drop_k3s_image "$name$PREVIOUS"
  say "imported $name, $wanted"
}

k3s_image_undo() {
  read_params item image name source archive id
  need item name
  local name=${PARAM[name]} record original
  record=$(item_folder "${PARAM[item]}")
  if [[ ! -e $record/original ]]; then
    rm -rf -- "$record"
    say "$name was never imported by us"
    return 0
  fi
  healthy_k3s_image || refuse "K3s' containerd does not answer"
  original=$(< "$record/original")
  if [[ $original == same ]]; then
    say "$name was there before us, and stays"
  elif [[ -e $record/id ]] && ! is_k3s_image "$name" "$(< "$record/id")"; then
    say "$name is another image by now, and stays"
  elif [[ $original == kept* ]]; then
    tag_k3s_image "$name$BEFORE_US" "$name"
    # It was pinned to be kept for this.
    [[ $original == *pinned ]] || timeout 60 k3s ctr --namespace k8s.io images label "$name" io.cri-containerd.pinned= > /dev/null
    [[ ! -e $record/id ]] || sweep_k3s_image "$(< "$record/id")"
    say "brought back the image $name of before us"
  else
    drop_k3s_image "$name"
    say "removed $name"
  fi
  drop_k3s_image "$name$BEFORE_US"
  drop_k3s_image "$name$PREVIOUS"
  rm -rf -- "$record"
}

# revert_k3s_image ITEM now|boot: the name as it was before the import.
revert_k3s_image() {
  # containerd does not run yet.
  [[ $2 == now ]] || exit "$LATER"
  local record=$STATE/items/$1 name
  # After a boot K3s takes its time.
  wait_until 300 healthy_k3s_image || fail "K3s' containerd does not answer"
  name=$(< "$record/name")
  if [[ $(< "$record/previous") == no ]]; then
    drop_k3s_image "$name"
  elif has_k3s_image "$name$PREVIOUS"; then
    tag_k3s_image "$name$PREVIOUS" "$name"
    drop_k3s_image "$name$PREVIOUS"
  fi
}

healthy_k3s_image() { timeout 20 k3s crictl images > /dev/null 2>&1; }

# wanted_image_id ID RECORD: the ID that the site file declares, else the one that Docker has now. ID is what K3s has.
wanted_image_id() {
  local declared=${PARAM[id]:-} found
  if [[ -n $declared && $declared == "$1" ]]; then
    printf '%s' "$declared"
    return 0
  fi
  found=$(source_image_id) || exit
  # Docker may have cleared it away since it was imported.
  [[ -n $found || -n $declared || ! -e $2/id || $(< "$2/id") != "$1" ]] || found=$1
  [[ -n $found ]] || refuse "Docker has no image ${PARAM[image]}"
  [[ -z $declared || $found == "$declared" ]] || refuse "${PARAM[image]} of ${PARAM[source]} is $found, the site file wants $declared"
  printf '%s' "$found"
}

# source_image_id: nothing when Docker has no such image.
source_image_id() {
  local found
  case ${PARAM[source]} in
    docker)
      need_commands docker
      found=$(timeout 20 docker info --format '{{json .DriverStatus}}') || refuse "Docker does not answer"
      # There the ID is that of the manifest, which is another one after an import.
      [[ $found != *io.containerd.snapshotter* ]] || refuse "Docker keeps its images in containerd: give an archive of docker save instead"
      timeout 20 docker image inspect --format '{{.Id}}' "${PARAM[image]}" 2> /dev/null || true
      ;;
    archive) archive_facts | cut -d' ' -f1 ;;
    *) refuse "'${PARAM[source]}' is not a source of images" ;;
  esac
}

stream_image() {
  case ${PARAM[source]} in
    docker) timeout 3600 docker image save "${PARAM[image]}" ;;
    # What is not compressed goes through as it is.
    archive) gzip --decompress --stdout --force -- "${PARAM[archive]}" ;;
  esac
}

# archive_facts: ID and unpacked bytes of the one image in the archive.
archive_facts() {
  need archive
  [[ -f ${PARAM[archive]} ]] || refuse "${PARAM[archive]} is not there"
  python3 - "${PARAM[archive]}" "${PARAM[image]}" "${PARAM[name]}" 2> /dev/null << 'PY' || refuse "${PARAM[archive]} is not an archive of docker save with ${PARAM[image]} and nothing else in it"
import json, re, sys, tarfile
path, *names = sys.argv[1:]
size, manifest = 0, []
with tarfile.open(path, "r|*") as archive:
    for member in archive:
        size += member.size
        if member.name == "manifest.json":
            manifest = json.load(archive.extractfile(member))
[image] = manifest
[tag] = image["RepoTags"]
if tag not in names:
    sys.exit(1)
print("sha256:" + re.search(r"[0-9a-f]{64}", image["Config"])[0], size)
PY
}

# The layers are kept twice, packed and unpacked. More than a tenth stays free, below which the kubelet evicts pods.
enough_room_for_image() {
  local size free all
  case ${PARAM[source]} in
    docker) size=$(timeout 20 docker image inspect --format '{{.Size}}' "${PARAM[image]}") ;;
    archive) size=$(archive_facts | cut -d' ' -f2) ;;
  esac
  read -r free all <<< "$(df --output=avail,size --block-size=1 -- /var/lib/rancher | tail -n 1)"
  ((free - 2 * size > all / 8)) \
    || refuse "${PARAM[name]} takes about $((2 * size)) bytes, /var/lib/rancher has $free free of $all, and an eighth is to stay free"
}

# k3s_image NAME: its ID and `pinned` or `unpinned`, as Kubernetes sees it; nothing when it is not there.
k3s_image() {
  timeout 20 k3s crictl images --output json | python3 -c '
import json, sys
for image in json.load(sys.stdin)["images"]:
    if sys.argv[1] in (image.get("repoTags") or []):
        print(image["id"], "pinned" if image.get("pinned") else "unpinned")' "$1"
}

k3s_image_id() { k3s_image "$1" | cut -d' ' -f1; }

is_k3s_image() { [[ $(k3s_image_id "$1") == "$2" ]]; }

is_pinned_k3s_image() { [[ $(k3s_image "$1") == *" pinned" ]]; }

pin_k3s_image() {
  ! is_pinned_k3s_image "$1" || return 0
  timeout 60 k3s ctr --namespace k8s.io images label "$1" io.cri-containerd.pinned=pinned > /dev/null \
    || fail "$1 cannot be pinned"
  wait_until 30 is_pinned_k3s_image "$1" || fail "Kubernetes does not see that $1 is pinned"
}

# keep_k3s_image NAME SUFFIX: a second name, pinned, for what stands under the first; says `kept`, `kept pinned` when it
# was pinned already, or `no` when there is nothing.
keep_k3s_image() {
  if ! has_k3s_image "$1"; then
    printf 'no'
    return 0
  fi
  local kept=kept
  ! is_pinned_k3s_image "$1" || kept='kept pinned'
  tag_k3s_image "$1" "$1$2" && pin_k3s_image "$1$2" && printf '%s' "$kept"
}

has_k3s_image() {
  local names
  names=$(k3s_image_names) || fail "K3s' containerd does not answer"
  [[ -n $(awk -v name="$1" '$1 == name' <<< "$names") ]]
}

# k3s_image_names: every name in containerd, and the digest that it stands for.
k3s_image_names() { timeout 60 k3s ctr --namespace k8s.io images list | awk 'NR > 1 { print $1, $3 }'; }

tag_k3s_image() { timeout 60 k3s ctr --namespace k8s.io images tag --force "$1" "$2" > /dev/null; }

drop_k3s_image() {
  local id
  has_k3s_image "$1" || return 0
  id=$(k3s_image_id "$1")
  timeout 60 k3s ctr --namespace k8s.io images rm "$1" > /dev/null
  sweep_k3s_image "$id"
}

# sweep_k3s_image ID: Kubernetes keeps an image under its ID, also when its last name is gone.
sweep_k3s_image() {
  local names
  names=$(k3s_image_names) || fail "K3s' containerd does not answer"
  ! awk -v id="$1" '
    { digest[$1] = $2 }
    END {
      # Asked first: to look at an element that is not there would make it.
      if (!(id in digest)) exit 1
      for (name in digest) if (name !~ /^sha256:/ && digest[name] == digest[id]) exit 1
    }' <<< "$names" || timeout 60 k3s ctr --namespace k8s.io images rm "$1" > /dev/null
}
