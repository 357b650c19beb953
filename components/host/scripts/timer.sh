# The checks of systemd's units, and what puts a timer to work. A path is that of a unit's own file, or of a drop-in of ours
# for somebody else's timer.

# unit_of PATH: the unit that a file is about.
unit_of() {
  local folder=${1%/*}
  if [[ $folder == *.d ]]; then
    folder=${folder%.d}
    printf '%s' "${folder##*/}"
  else
    printf '%s' "${1##*/}"
  fi
}

validate_unit() {
  need_commands systemd-analyze
  local unit report
  unit=$(unit_of "$2")
  # Somebody may have switched it off on purpose.
  [[ $2 == */"$unit" ]] || is_on "$unit" || refuse "$unit is switched off, and $2 alone would do nothing: systemctl enable --now $unit"
  report=$(verify_unit "$1" "$2" "$unit" 2>&1) || refuse "systemd-analyze verify does not accept the new $2: $report"
}

# verify_unit STAGED PATH UNIT: systemd knows a file by its name and place, so it gets them in a folder of its own.
verify_unit() (
  local folder fragment
  folder=$(mktemp -d -- "$RUN/twisterlab-edge.XXXXXX") || return 1
  # shellcheck disable=SC2064 # the name as it is now
  trap "rm -rf -- '$folder'" EXIT
  if [[ $2 == */"$3" ]]; then
    install --mode=0644 -- "$1" "$folder/$3" || return 1
  else
    fragment=$(systemctl show --property FragmentPath --value "$3") || return 1
    install --mode=0644 -- "$fragment" "$folder/$3" && install -D --mode=0644 -- "$1" "$folder/$3.d/${2##*/}" || return 1
  fi
  timeout 60 systemd-analyze verify --man=no --recursive-errors=no "$folder/$3"
)

activate_unit() {
  systemctl daemon-reload && healthy_unit "$1"
}

healthy_unit() {
  [[ ! -e $1 ]] || [[ $(systemctl show --property LoadState --value "$(unit_of "$1")") == loaded ]]
}

# A timer of ours is switched on with its file and off without it; somebody else's goes on as its owner has it.
activate_timer() {
  local unit
  unit=$(unit_of "$1")
  if [[ $1 != */"$unit" ]]; then
    systemctl daemon-reload && systemctl try-restart "$unit" || return 1
  elif [[ -e $1 ]]; then
    systemctl daemon-reload && systemctl enable --quiet "$unit" && systemctl restart "$unit" || return 1
  else
    # `systemctl disable` does not know a unit whose file is gone, and `stop` warns that it is.
    systemctl stop "$unit" 2> /dev/null && rm -f -- "$UNITS/timers.target.wants/$unit" && systemctl daemon-reload || return 1
  fi
  wait_until 60 healthy_timer "$1"
}

healthy_timer() {
  local unit state
  unit=$(unit_of "$1")
  state=$(systemctl is-active "$unit") || true
  if [[ $1 != */"$unit" ]]; then
    [[ $state != active ]] || comes_due "$unit" "$1"
  elif [[ -e $1 ]]; then
    is_on "$unit" && comes_due "$unit" "$1"
  else
    [[ $state != active ]]
  fi
}

is_on() { systemctl is-active --quiet "$1" && systemctl is-enabled --quiet "$1"; }

# comes_due UNIT PATH: it elapses within the hour when the file says `hourly`, within a quarter of it for `*:0/15`, else within
# a day and an hour, which a random delay may take.
comes_due() {
  local next limit
  # As long as its service runs, the next time is not known.
  [[ $(systemctl show --property SubState --value "$1") != running ]] || return 0
  # In UTC, because the letters of a time zone can mean several.
  next=$(TZ=UTC systemctl show --property NextElapseUSecRealtime --value "$1")
  [[ -n $next ]] && next=$(date --date="$next" +%s) || return 1
  # The last line counts: an empty one before it takes back what the timer had. A minute more for AccuracySec.
  case $(sed --quiet 's/^OnCalendar=//p' -- "$2" 2> /dev/null | tail -n 1) in
    hourly) limit=3660 ;;
    '*:0/15') limit=960 ;;
    *) limit=90000 ;;
  esac
  ((next - $(date +%s) <= limit))
}
