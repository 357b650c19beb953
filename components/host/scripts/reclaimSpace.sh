# reclaim-space run: frees what can be had again (unused images, package caches, old kernels). Never a volume, never a
# container, never a log. Says what it freed.

reclaim_space_run() {
  read_params item images packages
  need item images packages
  local before after
  before=$(df --output=avail --block-size=1 / | tail -n 1)
  if [[ ${PARAM[images]} == true ]]; then
    ! command -v docker > /dev/null || remove_unused_docker_images
    ! command -v k3s > /dev/null || remove_unused_k3s_images
  fi
  if [[ ${PARAM[packages]} == true ]]; then
    need_commands apt-get
    DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet --assume-yes autoremove > /dev/null
    apt-get --quiet --quiet clean
  fi
  after=$(df --output=avail --block-size=1 / | tail -n 1)
  say "freed $((after - before)) bytes on /"
}

# Dangling images only: a tagged image may be what a stopped service starts from.
remove_unused_docker_images() {
  docker image prune --force > /dev/null
  docker builder prune --force --filter until=168h > /dev/null
}

remove_unused_k3s_images() {
  local images id name
  images=$(unused_k3s_images)
  while read -r id name; do
    [[ -z $id ]] || k3s crictl rmi "$id" > /dev/null < /dev/null
  done <<< "$images"
}

# unused_k3s_images: `ID NAME` of the images that no container uses and that can be had again. `crictl rmi --prune` would also
# take images that were imported by hand: no registry has those.
unused_k3s_images() {
  need_commands python3
  local images containers
  images=$(k3s crictl images --output json) && containers=$(k3s crictl ps --all --output json) || return 1
  python3 - <(printf '%s' "$images") <(printf '%s' "$containers") << 'PY'
import json, sys
images, containers = (json.load(open(name)) for name in sys.argv[1:])
used = {c["imageRef"] for c in containers["containers"]} | {c["image"]["image"] for c in containers["containers"]}
for image in images["images"]:
    known = {image["id"], *(image.get("repoTags") or []), *(image.get("repoDigests") or [])}
    if image.get("repoDigests") and not image.get("pinned") and not known & used:
        print(image["id"], *(image.get("repoTags") or image["repoDigests"])[:1])
PY
}
