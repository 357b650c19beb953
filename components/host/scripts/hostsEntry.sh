# hosts-entry put|undo: the address of a name in /etc/hosts, in a line of our own, which its comment tells. All other lines
# stay as they are, also those that others add in the meantime.
#
# Parameters: item, name, address.

hosts_entry_put() {
  read_params item name address
  need item name address
  need_commands getent awk
  local name=${PARAM[name]} address=${PARAM[address]} others
  [[ $name =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || refuse "'$name' is not a host's name"
  [[ $address =~ ^[0-9a-fA-F.:]+$ ]] || refuse "'$address' is not an address"
  others=$(without_hosts_entry "$name" < "$HOSTS" | addresses_of "$name")
  [[ -z $others ]] || refuse "$HOSTS has $name already, as ${others//$'\n'/ }: take that line out first"
  [[ $(addresses_of "$name" < "$HOSTS") == "$address" ]] || edit_hosts with_hosts_entry "$name" "$address"
  [[ $(getent hosts -- "$name" | awk '{ print $1; exit }') == "$address" ]] \
    || fail "$name is not $address on this host, although $HOSTS says so: look at \`hosts:\` in /etc/nsswitch.conf"
  say "$name is $address"
}

hosts_entry_undo() {
  read_params item name address
  need item name
  edit_hosts without_hosts_entry "${PARAM[name]}"
  rm -rf -- "$(item_folder "${PARAM[item]}")"
  say "took ${PARAM[name]} out of $HOSTS"
}

# edit_hosts FILTER...: the file through a filter, in one step.
edit_hosts() {
  local staged
  staged=$(new_file_beside "$HOSTS")
  remove_at_exit "$staged"
  "$@" < "$HOSTS" > "$staged"
  chown --reference="$HOSTS" -- "$staged"
  chmod --reference="$HOSTS" -- "$staged"
  sync -- "$staged"
  mv -fT -- "$staged" "$HOSTS"
  sync -- "$(dirname -- "$HOSTS")"
}

with_hosts_entry() {
  without_hosts_entry "$1"
  printf '%s %s # twisterlab-edge\n' "$2" "$1"
}

# without_hosts_entry NAME: the hosts file on standard input without our line for it.
without_hosts_entry() {
  awk -v name="$1" '!(NF == 4 && $2 == name && $3 == "#" && $4 == "twisterlab-edge")'
}

# addresses_of NAME: what the hosts file on standard input has for it.
addresses_of() {
  awk -v name="$1" '{ sub(/#.*/, ""); for (field = 2; field <= NF; field++) if (tolower($field) == name) print $1 }'
}
