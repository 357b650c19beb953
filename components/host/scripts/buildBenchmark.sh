# build-benchmark run|forget: how long Docker builds an image here, from nothing and with everything in its cache. Takes
# away the tag it made, and prunes nothing: the cache is Docker's.
#
# The item's record has `inputs` and `result`, so that a measurement of an hour whose connection dropped is not made
# again, and `tag` while one is under way.

build_benchmark_run() {
  read_params item context dockerfile full_below cached_below
  need item context dockerfile full_below cached_below
  need_commands docker nice ionice timeout
  local context=${PARAM[context]} record inputs keeper measured=0
  [[ ${PARAM[full_below]} =~ ^[0-9]+$ && ${PARAM[cached_below]} =~ ^[0-9]+$ ]] || refuse "a limit is no number of seconds"
  [[ -d $context ]] || refuse "$context is not a folder of this host"
  [[ -f $context/${PARAM[dockerfile]} ]] || refuse "$context has no ${PARAM[dockerfile]}"
  record=$(item_folder "${PARAM[item]}")
  inputs="$context ${PARAM[dockerfile]} ${PARAM[full_below]} ${PARAM[cached_below]}"
  if [[ -e $record/result && -e $record/inputs && $(< "$record/inputs") == "$inputs" ]]; then
    cat -- "$record/result"
    return 0
  fi
  timeout 20 docker info > /dev/null 2>&1 || refuse "Docker does not answer"
  drop_benchmark_tag "$record"
  keep "$record/tag" <<< "twisterlab-edge/build-benchmark:$(< /proc/sys/kernel/random/uuid)"

  # It may take longer than a lease is given. Without the lock of this verb, and gone when the verb is.
  (while sleep 60 && kill -0 $$ 2> /dev/null; do renew_lease; done) 2> /dev/null 9>&- &
  keeper=$!
  remove_at_exit "$record/result.new"
  measure_builds "$record" > "$record/result.new" || measured=$?
  kill "$keeper" 2> /dev/null || true
  drop_benchmark_tag "$record"
  ((measured == 0)) || fail "$(< "$record/result.new")"
  keep "$record/result" < "$record/result.new"
  # Last: a result with the inputs of another one is measured again.
  keep "$record/inputs" <<< "$inputs"
  cat -- "$record/result"
}

# The next run measures again. A build is nothing to be brought back.
build_benchmark_forget() {
  read_params item context dockerfile full_below cached_below
  need item
  local record
  record=$(item_folder "${PARAM[item]}")
  drop_benchmark_tag "$record"
  rm -rf -- "$record"
  say "forgot the measurement"
}

# measure_builds RECORD: a line for each build, or why one failed and that exit code.
measure_builds() {
  local limit=$((PARAM[full_below] * 3 / 2 + 60)) status=0
  timed_build "$1" full "${PARAM[full_below]}" "$limit" --no-cache || status=$?
  if ((status == 124)); then
    # Cut off, nothing is in the cache.
    say "cached build: not measured"
    return 0
  fi
  ((status == 0)) || return "$status"
  timed_build "$1" cached "${PARAM[cached_below]}" "$limit" || status=$?
  ((status == 0 || status == 124)) || return "$status"
}

# timed_build RECORD WHICH BELOW LIMIT OPTION...: 124 when it was cut off at the limit. The daemon that does the work has
# the priority that it has: what is low is that of the client, which reads and packs the context.
timed_build() {
  local tag which=$2 below=$3 limit=$4 begun output took verdict="not met" status=0
  tag=$(< "$1/tag")
  shift 4
  begun=$EPOCHREALTIME
  output=$(timeout --kill-after=30 "$limit" nice -n 19 ionice -c 3 docker build --quiet --tag "$tag" \
    --file "${PARAM[context]}/${PARAM[dockerfile]}" "$@" -- "${PARAM[context]}" 2>&1) || status=$?
  took=$(awk -v begun="$begun" -v ended="$EPOCHREALTIME" 'BEGIN { printf "%.1f", ended - begun }')
  case $status in
    0)
      ! awk -v took="$took" -v below="$below" 'BEGIN { exit !(took < below) }' || verdict=met
      say "$which build: $took s, below $below s: $verdict"
      ;;
    124 | 137)
      say "$which build: cut off after $took s, below $below s: not met"
      return 124
      ;;
    *)
      say "the $which build of ${PARAM[dockerfile]} failed: ${output##*$'\n'}"
      return "$status"
      ;;
  esac
}

# drop_benchmark_tag RECORD: also of a run that was cut off.
drop_benchmark_tag() {
  [[ -e $1/tag ]] || return 0
  ! docker image inspect "$(< "$1/tag")" > /dev/null 2>&1 || timeout 120 docker image rm "$(< "$1/tag")" > /dev/null
  rm -f -- "$1/tag"
}
