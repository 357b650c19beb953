# mount-options put|undo: adds options to one line of /etc/fstab, tried on the live mount first. Everything else in the
# file stays byte for byte as it is, also what others change there in the meantime.
#
# The item's record keeps `before` and `after`, the options of that line before and after us, `live`, what the mount
# carried before us, and `previous`, `previous.live` and `previous.after`, as they were before the last change, with `mount`
# itself. As long as there is no `after`, nothing of ours is in the file.

mount_options_put() {
  read_params item mount options confirm_within
  need item mount options
  need_commands findmnt awk
  local mount=${PARAM[mount]} record current wanted live
  record=$(item_folder "${PARAM[item]}")
  current=$(options_of "$mount")
  wanted=$(added "$current" "${PARAM[options]}")
  if [[ $current == "$wanted" ]] && has_options "$mount" "${PARAM[options]}"; then
    rm -f -- "$record/reverted"
    say "$mount is as wanted"
    return 0
  fi

  fstab_is_sound
  live=$(findmnt -no OPTIONS -- "$mount")
  keep "$record/mount" <<< "$mount"
  if [[ ! -e $record/after ]]; then
    keep "$record/live" <<< "$live"
    keep "$record/before" <<< "$current"
  fi
  keep_previous_options "$current" "$live"
  arm "${PARAM[item]}" mount-options
  keep "$record/after" <<< "$wanted"
  # findmnt --verify lets a misspelt option pass: the kernel does not.
  mount -o "remount,${PARAM[options]}" -- "$mount" || fail "the kernel does not accept '${PARAM[options]}' for $mount"
  has_options "$mount" "${PARAM[options]}" || fail "$mount does not carry '${PARAM[options]}' after the remount"
  edit_fstab checked with_options "$mount" "$wanted"
  await_confirmation "${PARAM[item]}" mount-options
  say "$mount carries ${PARAM[options]}"
}

mount_options_undo() {
  read_params item mount options confirm_within
  need item mount options
  local mount=${PARAM[mount]} record current
  record=$(item_folder "${PARAM[item]}")
  if [[ ! -e $record/after ]]; then
    rm -rf -- "$record"
    say "$mount was never changed by us"
    return 0
  fi
  current=$(options_of "$mount")
  [[ $current == "$(< "$record/after")" ]] \
    || refuse "the options of $mount in $FSTAB were changed by hand since; before us they were '$(< "$record/before")': put ours there again ('$(< "$record/after")', or npm run up), then take the item out"
  keep_previous_options "$current" "$(findmnt -no OPTIONS -- "$mount")"
  arm "${PARAM[item]}" mount-options
  edit_fstab checked with_options "$mount" "$(< "$record/before")"
  remount_as "$mount" "$(< "$record/live")"
  rm -f -- "$record/after"
  disarm "${PARAM[item]}"
  rm -rf -- "$record"
  say "brought back the options of $mount"
}

# revert_mount_options ITEM now|boot: the options of before the last change, in fstab and on the mount.
revert_mount_options() {
  local record=$STATE/items/$1 mount previous current
  mount=$(< "$record/mount")
  previous=$(< "$record/previous")
  current=$(options_of "$mount")
  [[ $current == "$previous" ]] || edit_fstab unchecked with_options "$mount" "$previous"
  # At boot a mount that is not / is not there yet: it will be mounted from the fstab that now is.
  ! mountpoint --quiet -- "$mount" || remount_as "$mount" "$(< "$record/previous.live")"
  bring_back "$record/after" "$record/previous.after"
}

# keep_previous_options OPTIONS LIVE: what a revert brings back, as keep_previous does for a file.
keep_previous_options() {
  [[ ! -e $ARMED/${PARAM[item]} ]] || return 0
  keep "$record/previous" <<< "$1"
  keep "$record/previous.live" <<< "$2"
  keep_copy "$record/after" "$record/previous.after"
}

# remount_as MOUNT OPTIONS: the live mount carries what it carried, also where the kernel shows that by silence.
remount_as() {
  local options=$2
  [[ ,$options, == *,nodiratime,* ]] || options=$options,diratime
  [[ ,$options, =~ ,(noatime|relatime), ]] || options=$options,strictatime
  mount -o "remount,$options" -- "$1"
}

# Only what is ours: somebody else's line with a fault is not our change.
healthy_mount_options() {
  local mount
  mount=$(< "$STATE/items/$1/mount")
  mountpoint --quiet -- "$mount" && (options_of "$mount") > /dev/null 2>&1
}

# options_of MOUNT: the options in the one line of MOUNT in fstab.
options_of() {
  local found
  found=$(awk -v mount="$1" '!/^[[:space:]]*#/ && $2 == mount { print $4 }' "$FSTAB")
  [[ -n $found && $found != *$'\n'* ]] || refuse "$FSTAB does not have exactly one line for $1"
  printf '%s' "$found"
}

# added LIST OPTIONS: the comma-separated list with each option in it once.
added() {
  local list=$1 option
  for option in ${2//,/ }; do
    [[ ,$list, == *",$option,"* ]] || list=$list,$option
  done
  printf '%s' "$list"
}

# with_options MOUNT OPTIONS: fstab on standard input, with the fourth field of the line of MOUNT replaced and nothing else.
with_options() {
  awk -v mount="$1" -v options="$2" '
    /^[[:space:]]*#/ || $2 != mount { print; next }
    {
      # The blanks between the fields stay.
      match($0, /^[[:space:]]*[^[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+/)
      head = substr($0, 1, RLENGTH)
      tail = substr($0, RLENGTH + 1)
      sub(/^[^[:space:]]+/, "", tail)
      print head options tail
    }'
}

# has_options MOUNT OPTIONS: the live mount carries them. noatime covers nodiratime, which the kernel then hides.
has_options() {
  local live option
  live=,$(findmnt -no OPTIONS -- "$1"),
  for option in ${2//,/ }; do
    [[ $live == *",$option,"* ]] || [[ $option == nodiratime && $live == *",noatime,"* ]] || return 1
  done
}
