# Saves all databases and roles of a PostgreSQL server. PGHOST, PGUSER and PGPASSWORD say which; RETENTION: seconds.
KIND=postgres
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/postgres.sh"
export PGDATABASE=postgres PGCONNECT_TIMEOUT=10

RECORDS=$BACKUPS/runs
begin "$BACKUPS/.unfinished-$KIND"
version=$(server_version) || fail "the server at $PGHOST does not answer $PGUSER"
# Half of a restore would be the newest backup, and in the end the only one.
unfinished=$(unfinished_restore)
[ -z "$unfinished" ] || fail "a restore ($unfinished) is under way or did not end: repeat it with --overwrite, or keep what is there with DROP DATABASE $UNFINISHED"
# A dump is smaller than its databases, which have indices as well, and a compressed one more so.
size=$(psql -XAtqc 'select sum(pg_database_size(oid)) from pg_database')
need_room "$size"

# Not beside the dump: a disk that is full has no room for what is said of it.
errors=${TMPDIR:-/tmp}/errors
dump() {
  pg_dumpall --no-password 2> "$errors" | gzip > "$work/dump.sql.gz" 2>> "$errors"
}
attend dump || fail "pg_dumpall failed: $(tail -n 3 "$errors")"
rm "$errors"
# Reads all of it again: what gzip or the end of the dump does not vouch for is not kept.
contents() {
  gzip -dc "$work/dump.sql.gz" | contents_of_dump > "$work/contents.tsv"
}
attend contents || fail "the dump is not whole"

details=",\"databaseBytes\":$size"
finish dump.sql.gz "$version" "$(described "$work/contents.tsv")"
remove_old "$RETENTION"
