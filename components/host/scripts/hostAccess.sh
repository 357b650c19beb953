# Who gets in: the check of our rules for sudo, and observer-account put|undo, the account whose key may only observe.
#
# Root owns that account's home and the authorized_keys in it (a host file of its own): nobody who gets in as the
# observer can give himself another key, or another command. The item's record has `made` when the account is ours.

readonly OBSERVER=twisterlab-observer
readonly OBSERVER_HOME=/var/lib/twisterlab-edge-observer
# nologin would refuse the command that sshd forces on the key: it is given to the login shell.
readonly OBSERVER_SHELL=/bin/sh

observer_account_put() {
  read_params item
  need item
  need_commands getent passwd useradd usermod
  local record there
  record=$(item_folder "${PARAM[item]}")
  there=$(observer_account) || refuse "the accounts of this host cannot be read"
  if [[ -z $there ]]; then
    # Before the account: should we die in between, the next run knows it for ours.
    keep "$record/made" < /dev/null
    # `*` fits no password, and is not the `!` of a locked account, which sshd without PAM does not let in at all.
    useradd --system --no-create-home --no-user-group --gid nogroup --home-dir "$OBSERVER_HOME" --shell "$OBSERVER_SHELL" \
      --password '*' --comment 'twisterlab-edge, reads only' "$OBSERVER" || fail "useradd did not make $OBSERVER"
  elif [[ ! -e $record/made ]]; then
    refuse "there is an account $OBSERVER that this program did not make"
  elif [[ $there != "$OBSERVER_HOME $OBSERVER_SHELL L" ]]; then
    usermod --home "$OBSERVER_HOME" --shell "$OBSERVER_SHELL" --password '*' "$OBSERVER" || fail "usermod did not mend $OBSERVER"
  fi
  install --directory --owner=root --group=root --mode=0755 -- "$OBSERVER_HOME" "$OBSERVER_HOME/.ssh"
  say "$OBSERVER is as wanted"
}

observer_account_undo() {
  read_params item
  need item
  need_commands getent userdel
  local record there
  record=$(item_folder "${PARAM[item]}")
  if [[ ! -e $record/made ]]; then
    rm -rf -- "$record"
    say "$OBSERVER was never made by us"
    return 0
  fi
  there=$(observer_account) || refuse "the accounts of this host cannot be read"
  [[ -z $there ]] || userdel "$OBSERVER" || refuse "userdel did not remove $OBSERVER: somebody may be logged in as it"
  # Not a file of ours lies there any more; what somebody else put there stays.
  rmdir -- "$OBSERVER_HOME/.ssh" "$OBSERVER_HOME" 2> /dev/null || true
  rm -rf -- "$record"
  say "removed $OBSERVER"
}

# observer_account: its home, shell and password status (L: none fits), or nothing when there is no such account.
observer_account() {
  local entry home shell status
  entry=$(getent passwd "$OBSERVER") || {
    # 2: the name was not found. Anything else: nobody could look.
    [[ $? == 2 ]]
    return
  }
  IFS=: read -r _ _ _ _ _ home shell <<< "$entry"
  status=$(passwd --status "$OBSERVER") || return 1
  read -r _ status _ <<< "$status"
  printf '%s %s %s\n' "$home" "$shell" "$status"
}

validate_sudoers() {
  need_commands sudo visudo runuser
  local report
  report=$(timeout 10 visudo --check --file="$1" 2>&1 > /dev/null) || refuse "visudo does not accept the new $2: $report"
  # A fault of somebody else's would look like one of ours once our file is in place.
  report=$(timeout 10 visudo --check 2>&1 > /dev/null) || refuse "the sudoers of this host have a fault already, mend it first: $report"
}

# sudo reads its rules at each call: nobody has to be told of new ones.
activate_sudoers() {
  healthy_sudoers "$1" || {
    printf 'twisterlab-edge: with %s as it is now, sudo does not let in whom it should, or lets in more\n' "$1" >&2
    return 1
  }
}

# The rules are sound as a whole, and whoever has called us by sudo is still let in. Also after an undo: the rule from
# before us may be gone since.
healthy_sudoers() {
  timeout 10 visudo --check --quiet 2> /dev/null || return 1
  [[ -z ${SUDO_USER:-} ]] || [[ $(answer_to "$SUDO_USER" observe) == "$LET_IN" ]] || return 1
  # The observer's rule is for one verb, and for nothing beside it.
  ! grep --quiet "^$OBSERVER " "$1" 2> /dev/null || {
    [[ $(answer_to "$OBSERVER" observe) == "$LET_IN" ]] \
      && [[ $(answer_to "$OBSERVER" observe more) == "$TURNED_AWAY" ]] \
      && [[ $(answer_to "$OBSERVER" watch) == "$TURNED_AWAY" ]]
  }
}

# answer_to USER ARGUMENT...: exit code of the entry point, called by USER through sudo with nothing to read.
readonly LET_IN=65 TURNED_AWAY=1
answer_to() {
  local user=$1 status=0
  shift
  timeout 20 runuser -u "$user" -- sudo -n "$ENTRY" "$@" < /dev/null > /dev/null 2>&1 || status=$?
  printf '%s' "$status"
}

# passwordless_sudo RULES: what the accounts in our RULES, and whoever calls us, may do without a password by other rules.
# Of a command only its path: arguments may be anything.
passwordless_sudo() {
  {
    [[ ! -e $1 ]] || awk '/^[a-z_]/ { print $1 }' "$1"
    printf '%s\n' "${SUDO_USER:-}"
  } | sort --unique | while IFS= read -r user; do
    # root may do everything anyway.
    [[ -n $user && $user != root ]] || continue
    printf 'user %s\n' "$user"
    timeout 5 sudo -ll -U "$user" || true
  done | python3 -c "$PASSWORDLESS_RULES" "$ENTRY"
}

readonly PASSWORDLESS_RULES='
import json, re, sys
entry = sys.argv[1]
rules, user, rule = [], None, None

def end():
    global rule
    if rule and rule["free"] and any(command != entry for command in rule["commands"]):
        commands = sorted({command for command in rule["commands"] if command != entry})
        rules.append({"user": user, "file": rule["file"], "commands": commands})
    rule = None

for line in sys.stdin:
    if named := re.match(r"user (\S+)$", line):
        end()
        user = named[1]
    elif begins := re.match(r"Sudoers entry:(.*)$", line):
        end()
        # Older versions do not say which file.
        rule = {"file": begins[1].strip() or None, "free": False, "commands": [], "listing": False}
    elif rule is not None:
        if line.strip() == "Commands:":
            rule["listing"] = True
        elif line.strip().startswith("Options:"):
            rule["free"] = "!authenticate" in re.split(r"[\s,]+", line)
        elif rule["listing"] and line.startswith("\t"):
            rule["commands"].append(line.split()[0])
end()
print(json.dumps(rules))
'
