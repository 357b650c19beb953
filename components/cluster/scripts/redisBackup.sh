# Saves the data of a Redis server. HOST, PORT (6379 if not set), and REDISCLI_AUTH where it has a password, say which.
# RETENTION: seconds.
KIND=redis
here=$(dirname "$0")
. "$here/backup.sh"
. "$here/redis.sh"

RECORDS=$BACKUPS/runs
begin "$BACKUPS/.unfinished-$KIND"
save ""
remove_old "$RETENTION"
