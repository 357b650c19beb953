# disk-alert: what a timer runs each hour. Says in the system log, under the tag twisterlab-edge-disk-alert, which file
# system is fuller than it should be, in bytes or in inodes: priority err above `threshold` percent, crit above `critical`.
# Says nothing of the others, and changes nothing.

disk_alert() {
  read_params threshold critical mounts
  need threshold critical mounts
  local mount
  for mount in ${PARAM[mounts]}; do
    alert_about "$mount"
  done
}

alert_about() {
  local used inodes free fullest priority=err
  if ! mountpoint --quiet -- "$1"; then
    alert err "$1 is not mounted: what is written there goes to another disk"
    return 0
  fi
  # A network or a broken disk may never answer.
  read -r used inodes free < <(timeout 20 df --block-size=1 --output=pcent,ipcent,avail -- "$1" | tail -n 1) || {
    alert err "$1 does not answer: how full it is is not known"
    return 0
  }
  used=${used%\%}
  inodes=${inodes%\%}
  # Some file systems have no number of inodes.
  [[ $inodes =~ ^[0-9]+$ ]] || inodes=0
  fullest=$((used > inodes ? used : inodes))
  ((fullest > PARAM[threshold])) || return 0
  ((fullest <= PARAM[critical])) || priority=crit
  alert "$priority" "$1 is $used % full, $(iec "$free") free, $inodes % of its inodes in use; the limit is ${PARAM[threshold]} %$(largest_on "$1")"
}

alert() { logger --tag twisterlab-edge-disk-alert --priority "daemon.$1" -- "$2"; }

# largest_on MOUNT: the folder on it, of those that usually fill up, that takes most. Counting takes long on a slow disk:
# what is not counted in time is left out.
largest_on() {
  local folder
  for folder in /var/log /var/lib/docker /var/lib/rancher; do
    [[ $(df --output=target -- "$folder" 2> /dev/null | tail -n 1) == "$1" ]] || continue
    timeout 60 du --summarize --one-file-system --block-size=1 -- "$folder" 2> /dev/null || true
  done | sort --numeric-sort | tail -n 1 | while read -r size folder; do
    printf '; largest: %s with %s' "$folder" "$(iec "$size")"
  done
}

# iec BYTES: as people read them.
iec() { numfmt --to=iec-i --suffix=B -- "$1"; }
