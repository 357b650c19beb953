# Restores the newest backup of Redis into a server of its own, and compares what it has then with what was saved.
# RECORDS: where the evidence goes; SCRATCH: a folder with room for the data.
KIND=redis
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/redis.sh"

begin "$SCRATCH/drill"
folder=$(newest_backup)
name=${folder##*/}
facts=",\"backup\":\"$name\",\"ageSeconds\":$(age_of "$name"),\"bytes\":$(manifest "$folder" bytes)"
check_backup "$folder"
# Keys that have ended by now are dropped while it loads.
most=$(keys_left "$folder/dump.rdb") || fail "$name is not whole"

cp "$folder/dump.rdb" "$work/dump.rdb"
redis-server --port 0 --unixsocket "$work/socket" --dir "$work" --save '' --appendonly no > "$work/server.log" 2>&1 &
server=$!
trap 'code=$?
  kill -9 $server 2> /dev/null || true
  ended "$code"' EXIT
tries=0
until [ "$(redis-cli -s "$work/socket" ping 2> /dev/null)" = PONG ]; do
  kill -0 "$server" 2> /dev/null || fail "$name cannot be restored: $(tail -n 1 "$work/server.log")"
  tries=$((tries + 1))
  [ "$tries" -lt 6000 ] || fail "$name was not loaded within 10 min"
  sleep 0.1
done
restored_in=$(($(date +%s) - began))

keys=$(redis-cli -s "$work/socket" info keyspace | awk -F '[=,]' '/^db/ { keys += $2 } END { print keys + 0 }')
least=$(keys_left "$folder/dump.rdb")
if [ "$keys" -gt "$most" ] || [ "$keys" -lt "$least" ]; then
  fail "$name has $least to $most keys by now, and $keys were restored"
fi
facts="$facts,\"restoreSeconds\":$restored_in"
reason="$name was restored in $restored_in s and has what was saved: $keys keys"
echo "$KIND: $reason"
