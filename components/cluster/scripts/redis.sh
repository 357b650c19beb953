# What the backup of Redis, its drill and the way back share.

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
