# What the backup of Redis, its drill and the way back share.

# ask WORDS: the server. redis-cli ends with 0 also when the server answers with an error.
ask() {
  redis-cli -h "$HOST" -p "${PORT:-6379}" "$@"
}

# value KEY: from standard input, what INFO says.
value() {
  tr -d '\r' | sed -n "s/^$1:\([^ ]*\).*/\1/p"
}

# keys_in: from standard input, how many keys all databases have, as INFO says.
keys_in() {
  awk -F '[=,]' '/^db/ { keys += $2 } END { print keys + 0 }'
}

# rdb_counts FILE: keys, those with an end, and those that have ended by now, as redis-check-rdb counts them. Fails when the
# file is not whole: it checks the checksum at its end.
rdb_counts() {
  redis-check-rdb "$1" > "${TMPDIR:-/tmp}/checked.$$" 2>&1 || {
    tail -n 3 "${TMPDIR:-/tmp}/checked.$$" >&2
    rm "${TMPDIR:-/tmp}/checked.$$"
    return 1
  }
  awk '
    / keys read$/ { keys = $(NF - 2) }
    / expires$/ { expires = $(NF - 1) }
    / already expired$/ { expired = $(NF - 2) }
    END { printf "%d\t%d\t%d\n", keys, expires, expired }' "${TMPDIR:-/tmp}/checked.$$"
  rm "${TMPDIR:-/tmp}/checked.$$"
}

# keys_left FILE: those that have not ended by now.
keys_left() {
  rdb_counts "$1" | awk '{ print $1 - $3 }'
}

# save PREFIX: makes a backup of the server's data, with that before its name.
save() {
  local info version
  [ "$(ask ping)" = PONG ] || fail "the server at $HOST does not answer, or wants another password"
  info=$(ask info) || fail "the server at $HOST does not answer"
  need_room "$(echo "$info" | value used_memory)"

  # Not beside the dump: a disk that is full has no room for what is said of it.
  attend ask --rdb "$work/dump.rdb" > "${TMPDIR:-/tmp}/said" 2>&1 || fail "redis-cli --rdb failed: $(tail -n 2 "${TMPDIR:-/tmp}/said")"
  rm "${TMPDIR:-/tmp}/said"
  attend rdb_counts "$work/dump.rdb" > "$work/contents.tsv" || fail "the RDB file is not whole"

  version=$(echo "$info" | value redis_version)
  finish dump.rdb "$version" "$(cut -f 1 "$work/contents.tsv") keys" "$1"
}

# Its password begins like that: by it a server is known to be a replica of one of our own.
OURS=twisterlab-restore-

# own WORDS: asks the server of our own.
own() {
  REDISCLI_AUTH=$secret redis-cli -s "$served/socket" "$@"
}

# serve FOLDER [OPTIONS]: starts a server of our own with the backup, which keeps its files in that folder and ends with us;
# waits until it has all keys. Sets `served`, that folder, `server`, its process, `secret`, its password, and
# `keys`, how many it has.
serve() {
  local most least tries=0
  served=$1
  shift
  # Keys that have ended by now are dropped while it loads.
  most=$(keys_left "$folder/dump.rdb") || fail "$name is not whole"
  # It would write beside the backup, and never does.
  ln -s "$folder/dump.rdb" "$served/dump.rdb"
  # In a file: a command line is no place for it.
  secret=$OURS$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
  printf 'requirepass %s\n' "$secret" > "$served/redis.conf"
  redis-server "$served/redis.conf" "$@" --unixsocket "$served/socket" --dir "$served" --save '' --appendonly no > "$served/server.log" 2>&1 9>&- &
  server=$!
  trap 'unserve $?' EXIT
  until [ "$(own ping 2> /dev/null)" = PONG ]; do
    kill -0 "$server" 2> /dev/null || fail "$name cannot be restored: $(tail -n 1 "$served/server.log")"
    tries=$((tries + 1))
    [ "$tries" -lt 6000 ] || fail "$name was not loaded within 10 min"
    sleep 0.1
  done
  keys=$(own info keyspace | keys_in)
  least=$(keys_left "$folder/dump.rdb")
  if [ "$keys" -gt "$most" ] || [ "$keys" -lt "$least" ]; then
    fail "$name has $least to $most keys by now, and $keys were restored"
  fi
}

# unserve CODE: ends the run, and that server before it.
unserve() {
  # Bash tells of a process that was killed.
  { kill -9 "$server" && wait "$server"; } 2> /dev/null || true
  rm -rf "$served"
  ended "$1"
}
