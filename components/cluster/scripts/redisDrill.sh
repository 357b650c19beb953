# Restores the newest backup of Redis into a server of its own, and compares what it has then with what was saved.
# RECORDS: where the evidence goes; SCRATCH: a folder with room for the data.
KIND=redis
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/redis.sh"

begin "$SCRATCH/drill"
choose_backup newest
facts=",\"backup\":\"$name\",\"ageSeconds\":$(age_of "$name"),\"bytes\":$(manifest "$folder" bytes)"
check_backup "$folder"
serve "$work" --port 0
restored_in=$(($(date +%s) - began))

facts="$facts,\"restoreSeconds\":$restored_in"
reason="$name was restored in $restored_in s and has what was saved: $keys keys${left_out:+; $left_out, and was left out}"
echo "$KIND: $reason"
