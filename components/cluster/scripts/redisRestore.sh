# Restores a backup into a Redis server. HOST, PORT (6379 if not set), and REDISCLI_AUTH where it has a password, say which;
# FROM: name of the backup, or `newest`; OVERWRITE: set when the server may have data already, which is saved first. POD_IP:
# address at which the server reaches us; POD_PORT: port, 6379 if not set.
#
# The server becomes a replica of one of our own for a moment: it drops what it has only when all of the backup has arrived,
# nobody writes meanwhile, and every type, end and function comes as it is. Keys copied one by one would promise none of it.
# While what it has is saved, whoever wants to write waits, and is refused once it is a replica: what was acknowledged is either
# saved, or written to what was restored.
KIND=redis
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/redis.sh"

# set_password TEXT: what the server shows to the one that it is a replica of. By standard input, as secrets are given.
set_password() {
  [ "$(printf '%s' "$1" | ask -x config set masterauth)" = OK ]
}

# release: the server is on its own again.
release() {
  [ "$(ask replicaof no one)" = OK ] && set_password "$password" && attached=""
}

# Milliseconds for which nobody writes to the server: asked for again every two seconds, so that it soon ends when we are
# killed. Our choice.
PAUSE=10000

pause() {
  [ "$(ask client pause "$PAUSE" write)" = OK ]
}

# hold_writers: from here on whoever wants to write waits.
hold_writers() {
  if pause; then
    : > "$work/held"
    while [ -e "$work/held" ] && kill -0 $$; do
      pause || true
      sleep 2
    done 9>&- > /dev/null 2>&1 &
    holding=$!
  else
    warning="; the server cannot hold back who writes (Redis can from 6.2 on), and what was written to it meanwhile may be lost"
  fi
}

# release_writers: they go on.
release_writers() {
  [ -n "$holding" ] || return 0
  rm -f "$work/held"
  wait "$holding" || true
  holding=""
  # Where that is not heard, it ends by itself.
  ask client unpause > /dev/null || true
}

# look: what the server has, keys and functions.
look() {
  info=$(ask info)
  there=$(echo "$info" | keys_in)
  functions=$(echo "$info" | value number_of_functions)
  functions=${functions:-0}
}

# leave CODE: ends the run; a server that is left a replica lets nobody write.
leave() {
  trap '' TERM INT
  release_writers
  [ -z "$attached" ] || release \
    || reason="$reason; and the server at $HOST may be left as a replica: repeat this, or say REPLICAOF NO ONE to it"
  unserve "$1"
}

# until_it SECONDS SENTENCE COMMAND: waits until that succeeds.
until_it() {
  local tries=$(($1 * 5)) sentence=$2
  shift 2
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || fail "$sentence"
    sleep 0.2
  done
}

reached() {
  [ "$(own info replication | value connected_slaves)" != 0 ]
}

arrived() {
  local taken
  [ "$(ask info replication | value master_link_status)" != up ] || return 0
  kill -0 "$server" 2> /dev/null || fail "the server of our own ended: $(tail -n 1 "$served/server.log")"
  taken=$(own info stats | value sync_full)
  [ "$taken" -lt 3 ] || fail "the server was sent the backup $taken times and could not use it: its log says why"
  return 1
}

# contents_of COMMAND: what it tells of keys and functions.
contents_of() {
  "$1" info keyspace | sed -n 's/^\(db.*\),avg_ttl.*/\1/p'
  # An error before Redis 7, the same from both.
  "$1" function list withcode 2>&1
}

same() {
  [ "$(contents_of ask)" = "$(contents_of own)" ]
}

# idle: it writes nothing to its disk at the moment.
idle() {
  [ "$(ask info persistence | grep -cE '^(rdb_bgsave|aof_rewrite)_(in_progress|scheduled):1')" = 0 ]
}

RECORDS=$BACKUPS/runs
begin "$BACKUPS/.unfinished-$KIND-restore" restore
begin_restore

[ "$(ask ping)" = PONG ] || fail "the server at $HOST does not answer, or wants another password"
info=$(ask info)
version=$(echo "$info" | value redis_version)
ours=$(redis-server --version | sed 's/.* v=\([^ ]*\).*/\1/')
saved_by=$(manifest "$folder" serverVersion)
! older "$version" "$saved_by" || fail "$name was saved by Redis $saved_by, and the server is an older one: $version"
! older "$version" "$ours" || fail "this image has Redis $ours, and the server is an older one: $version"

password=$(ask config get masterauth | sed 1d)
left=""
if [ "$(echo "$info" | value role)" = slave ]; then
  case $password in
    "$OURS"*) password="" ;;
    *) fail "the server is a replica of $(echo "$info" | value master_host): restore into that one" ;;
  esac
  release || fail "an earlier restore did not end, and the server does not let go of it"
  left="an earlier restore did not end, the server is on its own again now; "
fi
[ "$(ask config get replica-read-only | sed 1d)" != no ] \
  || fail "${left}the server lets itself be written to while it is a replica (replica-read-only no), and what is written then would be lost: set it to yes"
look
if [ -z "${OVERWRITE-}" ] && [ "$((there + functions))" -gt 0 ]; then
  fail "${left}the server has data already: $there keys, $functions functions. --overwrite saves them and puts the backup in their place"
fi

served=${TMPDIR:-/tmp}/served
rm -rf "$served"
mkdir "$served"
serve "$served" --bind "$POD_IP" --port "${POD_PORT:-6379}" --repl-diskless-sync yes --repl-diskless-sync-delay 0
attached=""
holding=""
warning=""
trap 'leave $?' EXIT
hold_writers
look
kept=""
if [ "$((there + functions))" -gt 0 ]; then
  [ -n "${OVERWRITE-}" ] || fail "somebody has written to the server meanwhile: it has $there keys, $functions functions"
  about=$facts
  save "$BEFORE"
  facts=$about
  reason=$UNSAID
  kept=$made
fi

attached=1
set_password "$secret" || fail "the server takes no configuration from us"
[ "$(ask replicaof "$POD_IP" "${POD_PORT:-6379}")" = OK ] || fail "the server takes no orders from us"
# From now on it refuses them by itself.
release_writers
until_it 60 "the server does not reach this pod at $POD_IP: a network policy may keep it from that" reached
until_it 3600 "the server did not take the backup within an hour" arrived
until_it 20 "the server has other keys or functions than the backup" same
release || fail "the server has the backup, and is not on its own"
until_it 600 "the server has the backup, and is busy with its disk for 10 min" idle
case $(ask bgsave) in
  *started*) ;;
  *) fail "the server has the backup, and does not write it to its disk" ;;
esac
until_it 3600 "the server has the backup, and did not write it to its disk within an hour" idle
state=$(ask info persistence | grep -E '^(rdb_last_bgsave|aof_last_bgrewrite|aof_last_write)_status:')
! echo "$state" | grep -qv ok || fail "the server has the backup, and could not write it to its disk"
restored_in=$(($(date +%s) - began))

facts="$facts,\"restoreSeconds\":$restored_in,\"serverVersion\":\"$version\""
reason="$name was restored in $restored_in s and has what was saved: $keys keys"
[ -z "$kept" ] || reason="$reason; what was there is kept as $kept"
reason="$reason$warning"
echo "$KIND: $reason"
