# Puts the entry point in place. Runs as `bash -s -- <sha256> <stack> <revision>`: standard input carries this text and,
# after it, the bundle. The braces make bash read all of this text before it runs, so that `cat` gets the bundle.
{
  set -Eeuo pipefail
  umask 022
  entry=/usr/local/sbin/twisterlab-edge
  users=/var/lib/twisterlab-edge/users

  staged=$(mktemp "$entry.XXXXXX")
  trap 'rm -f -- "$staged"' EXIT
  cat > "$staged"
  # A connection cut half-way leaves a short bundle: it must not become the entry point.
  printf '%s  %s\n' "$1" "$staged" | sha256sum --check --status || {
    echo "twisterlab-edge: the bundle arrived incomplete; nothing was changed" >&2
    exit 65
  }
  bash -n "$staged"
  mkdir -p -- "$users"
  chmod 0700 /var/lib/twisterlab-edge
  chmod 0755 "$staged"
  chown root:root "$staged"
  sync -- "$staged"
  mv -fT -- "$staged" "$entry"
  "$entry" units
  # Every stack that uses the entry point is written down, last of all: the last one to leave takes it away. The number
  # is how often the stack had to put it here.
  printf '%s\n' "$3" > "$users/.$2.new"
  sync -- "$users/.$2.new"
  mv -fT -- "$users/.$2.new" "$users/$2"
  echo "installed $entry"
  exit 0
}
