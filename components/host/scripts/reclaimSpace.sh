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
    ! command -v k3s > /dev/null || k3s crictl rmi --prune > /dev/null
  fi
  if [[ ${PARAM[packages]} == true ]]; then
    need_commands apt-get
    DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet --assume-yes autoremove > /dev/null
    apt-get --quiet --quiet clean
  fi
  after=$(df --output=avail --block-size=1 / | tail -n 1)
  say "freed $((after - before)) bytes on /"
}
