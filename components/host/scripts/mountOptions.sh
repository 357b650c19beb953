# mount-options put|undo: adds options to one line of /etc/fstab, tried on the live mount first. Other lines stay
# byte for byte as they are.

mount_options_put() {
  read_params item mount options
  need item mount options
  need_commands findmnt awk
  local fstab=${TWISTERLAB_EDGE_FSTAB:-/etc/fstab} mount=${PARAM[mount]} record staged before
  record=$(item_folder "${PARAM[item]}")
  [[ $(awk -v mount="$mount" '!/^[[:space:]]*#/ && $2 == mount' "$fstab" | wc -l) == 1 ]] \
    || refuse "$fstab does not have exactly one line for $mount"

  staged=$(mktemp -- "$fstab.XXXXXX")
  # shellcheck disable=SC2064 # the name as it is now
  trap "rm -f -- '$staged'" EXIT
  with_options "$mount" "${PARAM[options]}" < "$fstab" > "$staged"
  chown --reference="$fstab" -- "$staged"
  chmod --reference="$fstab" -- "$staged"
  if cmp --silent -- "$staged" "$fstab" && has_options "$mount" "${PARAM[options]}"; then
    say "$mount is as wanted"
    return 0
  fi
  validate_fstab "$staged" "$fstab"

  # findmnt --verify lets a misspelt option pass: the kernel does not.
  before=$(findmnt -no OPTIONS -- "$mount")
  mount -o "remount,${PARAM[options]}" -- "$mount" || refuse "the kernel does not accept '${PARAM[options]}' for $mount"
  if ! has_options "$mount" "${PARAM[options]}"; then
    mount -o "remount,$before" -- "$mount"
    failed_old_state_back "$mount does not carry '${PARAM[options]}' after the remount"
  fi
  keep_original "$fstab" "$record"
  keep_copy "$fstab" "$record/previous"
  printf '%s\n' "$before" > "$record/options"
  sync -- "$staged" "$record"
  mv -fT -- "$staged" "$fstab"
  sync -- "$(dirname -- "$fstab")"
  sha256sum < "$fstab" | cut -d' ' -f1 > "$record/installed"
  systemctl daemon-reload
  say "$mount carries ${PARAM[options]}"
}

mount_options_undo() {
  read_params item mount options
  need item mount options
  local fstab=${TWISTERLAB_EDGE_FSTAB:-/etc/fstab} mount=${PARAM[mount]} record
  record=$(item_folder "${PARAM[item]}")
  if [[ ! -e $record/installed ]]; then
    say "$mount was never changed by us"
    return 0
  fi
  printf '%s  %s\n' "$(< "$record/installed")" "$fstab" | sha256sum --check --status \
    || refuse "$fstab was changed by hand since; what stood there before us is in $record/original"
  bring_back "$fstab" "$record/original"
  systemctl daemon-reload
  # `relatime` is the kernel's default and what switches noatime off again.
  mount -o remount,relatime,diratime -- "$mount"
  rm -rf -- "$record"
  say "brought back $fstab"
}

# with_options MOUNT OPTIONS: fstab on standard input, with the options added to the line of MOUNT once each.
with_options() {
  awk -v mount="$1" -v wanted="$2" '
    /^[[:space:]]*#/ || $2 != mount { print; next }
    {
      count = split(wanted, option, ",")
      list = $4
      for (i = 1; i <= count; i++) {
        if (index("," list ",", "," option[i] ",") == 0) list = list "," option[i]
      }
      if (list == $4) { print; next }
      # Only the fourth field changes; the blanks between the fields stay.
      match($0, /^[[:space:]]*[^[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+[^[:space:]]+[[:space:]]+/)
      head = substr($0, 1, RLENGTH)
      tail = substr($0, RLENGTH + 1)
      sub(/^[^[:space:]]+/, "", tail)
      print head list tail
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
