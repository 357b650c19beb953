# reclaim-space run: frees what can be had again (unused images, package caches, old kernels). Never a volume, never a
# container, never a log. Says what it freed.

reclaim_space_run() {
  read_params item images packages
  need item images packages
  local before after
  before=$(df --output=avail --block-size=1 / | tail -n 1)
  if [[ ${PARAM[images]} == true ]]; then
    # Dangling images only: a tagged image may be what a stopped service starts from.
    ! command -v docker > /dev/null || docker image prune --force > /dev/null
    ! command -v docker > /dev/null || docker builder prune --force --filter until=168h > /dev/null
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

# `crictl rmi --prune` would also take images that were imported by hand: no registry has those, they cannot be had again.
remove_unused_k3s_images() {
  need_commands python3
  local images image
  images=$(
    python3 - <(k3s crictl images --output json) <(k3s crictl ps --all --output json) << 'PY'
import json, sys
images, containers = (json.load(open(name)) for name in sys.argv[1:])
used = {c["imageRef"] for c in containers["containers"]} | {c["image"]["image"] for c in containers["containers"]}
for image in images["images"]:
    known = {image["id"], *(image.get("repoTags") or []), *(image.get("repoDigests") or [])}
    if image.get("repoDigests") and not image.get("pinned") and not known & used:
        print(image["id"])
PY
  )
  for image in $images; do
    k3s crictl rmi "$image" > /dev/null
  done
}
