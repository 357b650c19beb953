# lease take|release|break: one run at a time has this host, from its first change to its last. A lock on a file would end
# with the SSH session, and a run has many of them; so this one has an owner and ends by itself some time after its last
# sign of life, which every change is.
#
# $STATE/lease has four lines: owner, id of the boot, uptime at which it ends, seconds it is given. Uptime, because the
# clock may be set; after a reboot its whole time counts from the boot.

readonly LEASE=$STATE/lease

lease_take() {
  read_params owner seconds machine
  need owner seconds
  [[ ${PARAM[seconds]} =~ ^[0-9]+$ ]] || refuse "seconds is no number"
  # A run begins with this: on a machine that is not the one that is meant, it ends with this.
  local machine
  machine=$(machine_id)
  [[ ${PARAM[machine]:-$machine} == "$machine" ]] \
    || refuse "this is another machine: its machine-id is $machine, the site file has ${PARAM[machine]}"
  take_turn
  local left
  left=$(lease_left)
  if ((left > 0)) && [[ $(lease_owner) != "${PARAM[owner]}" ]]; then
    refuse "the host is held by '$(lease_owner)' for another $left s"
  fi
  write_lease "${PARAM[owner]}" "${PARAM[seconds]}"
  say "${PARAM[owner]} has the host"
}

# Of somebody else's lease nothing is taken away.
lease_release() {
  read_params owner
  need owner
  take_turn
  [[ ! -e $LEASE || $(lease_owner) != "${PARAM[owner]}" ]] || rm -f -- "$LEASE"
  say "released"
}

# On purpose, by somebody who knows that the owner is gone. The owner must be named: it may have changed since it was read.
lease_break() {
  read_params owner
  need owner
  take_turn
  [[ -e $LEASE ]] || refuse "nobody has the host"
  [[ $(lease_owner) == "${PARAM[owner]}" ]] || refuse "the host is held by '$(lease_owner)', not by '${PARAM[owner]}'"
  rm -f -- "$LEASE"
  say "broke the lease of ${PARAM[owner]}"
}

# A change is a sign of life of the run that has the host.
renew_lease() {
  local lease left
  left=$(lease_left)
  ((left > 0)) || return 0
  mapfile -t lease < "$LEASE"
  # Not for each of many changes in a row.
  ((lease[3] - left < 30)) || write_lease "${lease[0]}" "${lease[3]}"
}

lease_as_json() {
  (($(lease_left) > 0)) || return 1
  python3 -c 'import json, sys; print(json.dumps({"owner": sys.argv[1], "expiresIn": int(sys.argv[2])}))' "$(lease_owner)" "$(lease_left)"
}

write_lease() {
  mkdir -p -- "$STATE"
  printf '%s\n' "$1" "$(boot_id)" $(($(uptime_seconds) + $2)) "$2" | keep "$LEASE"
}

lease_owner() { head -n 1 -- "$LEASE"; }

# lease_left: seconds until the lease ends, 0 when there is none.
lease_left() {
  local lease left=0
  if [[ -e $LEASE ]]; then
    mapfile -t lease < "$LEASE"
    if [[ ${lease[1]} == "$(boot_id)" ]]; then
      left=$((lease[2] - $(uptime_seconds)))
    else
      left=$((lease[3] - $(uptime_seconds)))
    fi
  fi
  printf '%s' $((left > 0 ? left : 0))
}
