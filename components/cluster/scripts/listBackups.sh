# Lists the backups of a KIND, oldest first: name, seconds since it was begun, bytes, version of the server.
here=$(dirname "$0")
. "$here/backup.sh"

[ -f "$BACKUPS/.twisterlab-edge" ] || {
  echo "$BACKUPS is not the folder of the backups: its disk is not mounted" >&2
  exit 1
}
for folder in "$BACKUPS/$KIND"-* "$BACKUPS/$BEFORE$KIND"-*; do
  if [ -f "$folder/manifest.json" ]; then
    name=${folder##*/}
    printf '%s\t%s\t%s\t%s\n' "$name" "$(age_of "$name")" "$(manifest "$folder" bytes)" "$(manifest "$folder" serverVersion)"
  fi
done
