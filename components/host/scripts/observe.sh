# observe: facts about this host, one section a tool, nothing changed. Sections that need root are missing without it.

observe() {
  section machine-id cat /etc/machine-id
  section os-release cat /etc/os-release
  section kernel uname -r
  section threads nproc
  section memory grep MemTotal /proc/meminfo
  section disks lsblk --json --bytes --output NAME,TYPE,SIZE,SERIAL,PKNAME,FSTYPE,MOUNTPOINT
  section mounts findmnt --json --bytes --real --output TARGET,SOURCE,FSTYPE,OPTIONS,SIZE,USED
  section volume-groups vgs --reportformat json --units b --nosuffix --options vg_name,vg_size,vg_free,vg_extent_size,vg_missing_pv_count
  section logical-volumes lvs --reportformat json --units b --nosuffix --options vg_name,lv_name,lv_size,lv_layout
  section physical-volumes pvs --reportformat json --units b --nosuffix --options pv_name,vg_name,pv_size,pv_free
  section default-route ip -json -4 route show default
  section host-key cat /etc/ssh/ssh_host_ed25519_key.pub
  section docker-version docker version --format '{{.Server.Version}}'
  section k3s-version k3s --version
  section docker-daemon cat /etc/docker/daemon.json
  # A hash is enough to compare, and this file holds a password.
  section registries sha256sum /etc/rancher/k3s/registries.yaml
  printf '== end\n'
}

# section NAME COMMAND...: a heading and the command's output; a command that fails leaves no section.
section() {
  local name=$1 output
  shift
  # One tool that hangs must not take the others' answers with it.
  output=$(timeout 3 "$@" 2> /dev/null) || return 0
  printf '== %s\n%s\n' "$name" "$output"
}
