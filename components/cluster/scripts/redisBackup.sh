# Saves the data of a Redis server. HOST, PORT (6379 if not set), and REDISCLI_AUTH where it has a password, say which.
# RETENTION: seconds.
KIND=redis
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/redis.sh"

RECORDS=$BACKUPS/runs
begin "$BACKUPS/.unfinished-$KIND"
# redis-cli ends with 0 also when the server answers with an error.
[ "$(redis-cli -h "$HOST" -p "${PORT:-6379}" ping)" = PONG ] || fail "the server at $HOST does not answer, or wants another password"
info=$(redis-cli -h "$HOST" -p "${PORT:-6379}" info) || fail "the server at $HOST does not answer"
need_room "$(echo "$info" | sed -n 's/^used_memory:\([0-9]*\).*/\1/p')"

redis-cli -h "$HOST" -p "${PORT:-6379}" --rdb "$work/dump.rdb" > "$work/said" 2>&1 || fail "redis-cli --rdb failed: $(tail -n 2 "$work/said")"
rm "$work/said"
rdb_counts "$work/dump.rdb" > "$work/contents.tsv" || fail "the RDB file is not whole"

version=$(echo "$info" | sed -n 's/^redis_version:\([^[:space:]]*\).*/\1/p')
finish dump.rdb "$version" "$(cut -f 1 "$work/contents.tsv") keys"
remove_old "$RETENTION"
