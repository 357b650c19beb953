# Restores the newest backup of PostgreSQL into a server of its own, and compares what it has then with what was saved.
# RECORDS: where the evidence goes; SCRATCH: a folder with room for the databases.
KIND=postgres
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/postgres.sh"
# None of the saved roles has this name: the dump makes its own.
export PGUSER=twisterlab_drill PGHOST=$SCRATCH/drill PGDATABASE=postgres PGDATA=$SCRATCH/drill/data

begin "$SCRATCH/drill"
choose_backup newest
facts=",\"backup\":\"$name\",\"ageSeconds\":$(age_of "$name"),\"bytes\":$(manifest "$folder" bytes)"
check_backup "$folder"

initdb --username="$PGUSER" --auth=trust --encoding=UTF8 --locale=C --no-sync > "$work/initdb.log" 2>&1 \
  || fail "no server could be made: $(tail -n 1 "$work/initdb.log")"
# Nobody keeps this one: what makes a crash harmless is left out.
options="-c listen_addresses='' -c unix_socket_directories=$work -c fsync=off -c full_page_writes=off -c max_wal_size=4GB"
pg_ctl start --wait --timeout=120 --silent --log="$work/server.log" --options="$options" 9>&- \
  || fail "the server did not start: $(tail -n 1 "$work/server.log")"
trap 'code=$?
  pg_ctl stop --mode=immediate --silent || true
  ended "$code"' EXIT

load() {
  gzip -dc "$folder/dump.sql.gz" | psql -X --quiet --set=ON_ERROR_STOP=1 > /dev/null 2> "$work/errors"
}
attend load \
  || fail "$name cannot be restored: $(grep -m 1 ERROR "$work/errors" || tail -n 1 "$work/errors")"
restored_in=$(($(date +%s) - began))

contents() {
  pg_dumpall --no-password | contents_of_dump > "$work/contents.tsv"
}
attend contents || fail "what was restored cannot be read"
same_contents "$name" "$folder/contents.tsv" "$work/contents.tsv"
facts="$facts,\"restoreSeconds\":$restored_in,\"serverVersion\":\"$(escaped "$(server_version)")\""
reason="$name was restored in $restored_in s and has what was saved: $(described "$folder/contents.tsv")${left_out:+; $left_out, and was left out}"
echo "$KIND: $reason"
