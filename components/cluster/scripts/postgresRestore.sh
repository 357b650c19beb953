# Restores a backup into a PostgreSQL server. PGHOST, PGUSER and PGPASSWORD say which; FROM: name of the backup, or `newest`;
# OVERWRITE: set when the server may have data already. Nothing is dropped: its databases get another name.
KIND=postgres
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/postgres.sh"
export PGDATABASE=postgres PGCONNECT_TIMEOUT=10

sql() {
  psql -XAtq -F "$tab" -v ON_ERROR_STOP=1 "$@"
}
tab=$(printf '\t')

# objects_in DATABASE: how many tables, functions and the like somebody has made in it. What initdb has made has lower
# numbers; what belongs to an extension comes with it.
objects_in() {
  sql -d "$1" << 'SQL'
select count(*)
from (
  select 'pg_class'::regclass as class, oid from pg_class where relkind in ('r', 'p', 'f', 'v', 'm', 'S')
  union all select 'pg_proc'::regclass, oid from pg_proc
  union all select 'pg_largeobject'::regclass, oid from pg_largeobject_metadata
) as object
where oid >= 16384
  and not exists (select from pg_depend where classid = class and objid = object.oid and deptype = 'e')
SQL
}

# Names of those that were set aside.
ASIDE='_before_[0-9]{8}t[0-9]{6}z$'

# in_the_way: databases that must have another name first: name, other name, name for what is restored, all as SQL has them;
# size. One that was set aside before is only in the way of one that was saved under that name.
in_the_way() {
  local used="" saved="" database
  for database in postgres template1; do
    [ "$(objects_in "$database")" = 0 ] || used="$used $database"
  done
  if [ "$(sql -c "select exists (select from pg_database where datname ~ '$ASIDE')")" = t ]; then
    saved=$(gzip -dc "$folder/dump.sql.gz" | databases_of_dump)
  fi
  # Names have 63 bytes at most.
  sql -v used="$used" -v suffix="_before_$(echo "$started" | tr TZ tz)" -v own="$UNFINISHED" -v aside="$ASIDE" -v saved="$saved" << 'SQL'
with candidate as (
  select *, case when octet_length(datname) > 39 then 'database_' || oid else datname end as short from pg_database
  where datname not in ('template0', :'own')
    and (datname not in ('postgres', 'template1') or datname = any(string_to_array(:'used', ' ')))
    and (datname !~ :'aside' or quote_ident(datname) = any(string_to_array(:'saved', E'\n')))
)
select quote_ident(datname), quote_ident(short || :'suffix'), quote_ident(short || '_restored'), pg_size_pretty(pg_database_size(oid))
from candidate order by datname
SQL
}

# connected: who is, to the databases in the way.
connected() {
  sql -v names="$(cut -f 1 "$work/aside")" << 'SQL'
select format('%s by %s (%s)', datname, usename, string_agg(distinct coalesce(nullif(application_name, ''), host(client_addr), 'local'), ', '))
from pg_stat_activity
where pid <> pg_backend_pid() and backend_type = 'client backend' and quote_ident(datname) = any(string_to_array(:'names', E'\n'))
group by datname, usename
SQL
}

# set_aside: gives those in the way their other names, all or none.
set_aside() {
  # Roles cannot have two names: what they are now is kept as text.
  mkdir "$BACKUPS/$BEFORE$KIND-$started"
  pg_dumpall --no-password --globals-only --database="$UNFINISHED" > "$BACKUPS/$BEFORE$KIND-$started/roles.sql"
  awk -F '\t' '{ print "alter database " $1 " rename to " $2 ";" }' "$work/aside" > "$work/rename.sql"
  sql --single-transaction -f "$work/rename.sql" 2> "$work/errors" || {
    rm -rf "$BACKUPS/$BEFORE$KIND-$started"
    [ -n "$unfinished" ] || sql -d template1 -c "drop database $UNFINISHED"
    fail "nothing was changed: $(grep -m 1 ERROR "$work/errors")"
  }
}

# KiB that stay free on the server's disk: its log of what is written takes up to 1 GiB (max_wal_size, by default).
SPARE=1048576

# disk_of_server: KiB that are free on it. A superuser may have the server itself look, if it has what looks.
disk_of_server() {
  sql 2> "$work/errors" << 'SQL' | awk 'NR == 2 { print $4 }'
create temporary table said (line text);
copy said from program 'df -Pk .';
table said;
SQL
}

# need_room_on_server: for what is restored, beside what is there.
need_room_on_server() {
  local size free
  size=$(manifest "$folder" databaseBytes)
  free=$(disk_of_server) || free=""
  if [ -z "$size" ] || [ -z "$free" ]; then
    echo "$KIND: nobody knows whether the server's disk has room: see to it that there is as much free as ${size:-its databases took} bytes${size:+, and 1 GiB}"
  else
    [ "$free" -ge "$((size / 1024 + SPARE))" ] \
      || fail "nothing was changed: $free KiB are free on the server's disk, and what was saved takes $((size / 1024)), with $SPARE to spare"
  fi
}

# without BEGINNINGS: standard input, which is the globals of a dump, without the statements that begin like a line of that
# file. What looks like one within quotes, in the comment of a role for example, is none.
without() {
  awk '
    NR == FNR { beginnings[$0]; next }
    # A comment may have half a pair of quotes in it.
    quote == "" && /^--/ { print; next }
    quote == "" { for (beginning in beginnings) if (index($0, beginning) == 1) next }
    {
      for (at = 1; at <= length($0); at++) {
        letter = substr($0, at, 1)
        if (letter == quote) quote = ""
        else if (quote == "" && (letter == "\047" || letter == "\"")) quote = letter
      }
      print
    }' "$1" -
}

RECORDS=$BACKUPS/runs
begin "${TMPDIR:-/tmp}/restore" restore
begin_restore

# A run that was ended between two names has left no `postgres`.
version=$(server_version) || {
  PGDATABASE=$UNFINISHED
  version=$(server_version)
} || fail "the server at $PGHOST does not answer $PGUSER"
saved_by=$(manifest "$folder" serverVersion)
! older "${version%%.*}" "${saved_by%%.*}" || fail "$name was saved by PostgreSQL $saved_by, and the server is an older one: $version"
ours=$(pg_dumpall --version | awk '{ print $3 }')
! older "${ours%%.*}" "${version%%.*}" || fail "this image has PostgreSQL $ours, which cannot read what a newer server has: $version"
[ "$(sql -c 'select rolsuper from pg_roles where rolname = current_user')" = t ] || fail "$PGUSER is no superuser, and only one can restore"

in_the_way > "$work/aside"
unfinished=$(unfinished_restore)
if [ -z "${OVERWRITE-}" ]; then
  [ -z "$unfinished" ] || fail "an earlier restore did not end ($unfinished): --overwrite gives what it has left other names, and begins anew"
  [ ! -s "$work/aside" ] || fail "the server has data already: $(awk -F '\t' '{ printf "%s%s (%s)", between, $1, $4; between = ", " }' "$work/aside"). --overwrite gives it other names, nothing is dropped"
fi
need_room_on_server
# A connection of our own may take a moment to end.
tries=0
while others=$(connected) && [ -n "$others" ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 20 ] || fail "nothing was changed, because databases are in use: $(echo "$others" | paste -sd ';' -). Stop what uses them, and repeat this"
  sleep 0.2
done

[ -n "$unfinished" ] || sql -c "create database $UNFINISHED template template0"
sql -c "comment on database $UNFINISHED is '$name, begun $started'"
PGDATABASE=$UNFINISHED
[ ! -s "$work/aside" ] || set_aside
sql << 'SQL'
select 'create database template1 template template0 is_template true'
where not exists (select from pg_database where datname = 'template1')
union all
select 'create database postgres template template0'
where not exists (select from pg_database where datname = 'postgres')
\gexec
SQL
PGDATABASE=postgres
sql -c "select quote_ident(datname) from pg_database where datname not in ('template1', 'postgres')" > "$work/others"

# What the server has already; and our own user stays as it is, because each database of the dump is a new connection.
sql > "$work/unneeded" << 'SQL'
select format('CREATE ROLE %I;', rolname) from pg_roles
union all
select format('CREATE TABLESPACE %I ', spcname) from pg_tablespace
union all
select format('ALTER ROLE %I WITH ', current_user)
SQL
echo "$KIND: restoring into PostgreSQL $version"
load() {
  gzip -dc "$folder/dump.sql.gz" | {
    # The shell reads no byte beyond the line: from the first database on, all goes to psql as it is.
    while IFS= read -r line; do
      printf '%s\n' "$line"
      case $line in '\connect '*) break ;; esac
    done | without "$work/unneeded"
    cat
  } | psql -X --quiet --set=ON_ERROR_STOP=1 > /dev/null 2> "$work/errors"
}
attend load || fail "$name cannot be restored: $(grep -m 1 ERROR "$work/errors" || tail -n 1 "$work/errors")"
restored_in=$(($(date +%s) - began))

set --
while IFS= read -r other; do
  set -- "$@" "--exclude-database=$other"
done < "$work/others"
contents() {
  pg_dumpall --no-password "$@" | contents_of_dump > "$work/contents.tsv"
}
attend contents "$@" || fail "what was restored cannot be read"
same_contents "$name" "$folder/contents.tsv" "$work/contents.tsv"
sql -c "drop database $UNFINISHED"

facts="$facts,\"restoreSeconds\":$restored_in,\"serverVersion\":\"$(escaped "$version")\""
reason="$name was restored in $restored_in s and has what was saved: $(described "$folder/contents.tsv")"
echo "$KIND: $reason"
if [ -s "$work/aside" ]; then
  reason="$reason; what was there is kept as $(cut -f 2 "$work/aside" | paste -sd ',' - | sed 's/,/, /g')"
  echo "$KIND: what was there is kept, and so are its roles as they were: $BACKUPS/$BEFORE$KIND-$started/roles.sql. To get it back, from another database:"
  awk -F '\t' '{ print "  ALTER DATABASE " $1 " RENAME TO " $3 "; ALTER DATABASE " $2 " RENAME TO " $1 ";" }' "$work/aside"
fi
