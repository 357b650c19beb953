# What the backup of PostgreSQL, its drill and the way back share.

server_version() {
  psql -XAtqc 'show server_version'
}

# contents_of_dump: from standard input, a dump of pg_dumpall, a line for each table in its order: database, table, rows,
# SHA-256 of the rows as COPY writes them; and one for each sequence. Fails when the dump does not end as a whole one does.
contents_of_dump() {
  awk -v scratch="${TMPDIR:-/tmp}/rows.$$" '
    BEGIN { hash = "sha256sum > " scratch }
    copying && $0 == "\\." {
      if (!rows) printf "" | hash
      close(hash)
      getline digest < scratch
      close(scratch)
      printf "%s\t%s\t%d\t%s\n", database, table, rows, substr(digest, 1, 64)
      copying = 0
      next
    }
    copying { rows++; print | hash; next }
    /^\\connect / { database = substr($0, 10); next }
    /^COPY .* FROM stdin;$/ {
      table = substr($0, 6)
      sub(/ \(.*\) FROM stdin;$| FROM stdin;$/, "", table)
      gsub(/\t/, " ", table)
      copying = 1
      rows = 0
      next
    }
    /^SELECT pg_catalog\.setval\(/ { printf "%s\t%s\n", database, $0 }
    /^-- PostgreSQL database cluster dump complete$/ { complete = 1 }
    END {
      system("rm -f " scratch)
      exit !complete || copying
    }'
}

# databases_of_dump: from standard input, a dump of pg_dumpall, the names of the databases that it makes, as it has them.
databases_of_dump() {
  awk '
    copying { copying = $0 != "\\."; next }
    /^COPY .* FROM stdin;$/ { copying = 1; next }
    match($0, /^CREATE DATABASE ("([^"]|"")*"|[^ "]+) WITH /) { print substr($0, 17, RLENGTH - 22) }'
}

# described CONTENTS: in words.
described() {
  awk -F '\t' '
    NF == 4 { tables++; rows += $3; databases[$1] }
    END {
      for (name in databases) count++
      printf "%d tables with %d rows in %d databases", tables, rows, count
    }' "$1"
}

# same_contents NAME SAVED RESTORED: fails unless both files say the same.
same_contents() {
  local different
  ! cmp -s "$2" "$3" || return 0
  different=$(awk -F '\t' 'NR == FNR { restored[$0]; next } !($0 in restored) { print $1, $2 }' "$3" "$2")
  [ -n "$different" ] || different="there is more than was saved"
  fail "$1 was restored otherwise than it was saved: $(echo "$different" | head -n 5)"
}

# A database that the server has for as long as a restore takes: what is in the others then is neither old nor new.
UNFINISHED=twisterlab_restore

# unfinished_restore: what it says of itself; nothing when there is none.
unfinished_restore() {
  psql -XAtqc "select coalesce(shobj_description(oid, 'pg_database'), 'just begun') from pg_database where datname = '$UNFINISHED'"
}
