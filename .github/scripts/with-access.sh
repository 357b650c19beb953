#!/usr/bin/env bash
# with-access.sh COMMAND...: runs it with the ways in that a job was given as secrets, in files that end with it: a secret is
# then in no command's environment but this one's. APPLY_KEY or OBSERVER_KEY is a private key of SSH, APPLY_KUBECONFIG or
# OBSERVER_KUBECONFIG a kubeconfig. A job without one of them goes on: the preview says what it could not read.
set -euo pipefail

folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/access.XXXXXX")
kubeconfig=$HOME/.kube/twisterlab-edge.yaml
[[ ! -e $kubeconfig ]] || {
  echo "$kubeconfig is there already: this runner is somebody's own, or a job was cut off on it" >&2
  exit 2
}
trap 'rm -rf -- "$folder" "$kubeconfig"' EXIT
umask 077

# The key that applies may also look.
if [[ -n ${APPLY_KEY:-} ]]; then
  printf '%s\n' "$APPLY_KEY" > "$folder/key"
  export TWISTERLAB_SSH_KEY_FILE=$folder/key
elif [[ -n ${OBSERVER_KEY:-} ]]; then
  printf '%s\n' "$OBSERVER_KEY" > "$folder/key"
  export TWISTERLAB_OBSERVER_KEY_FILE=$folder/key
fi
if [[ -n ${APPLY_KUBECONFIG:-${OBSERVER_KUBECONFIG:-}} ]]; then
  mkdir -p "${kubeconfig%/*}"
  printf '%s\n' "${APPLY_KUBECONFIG:-$OBSERVER_KUBECONFIG}" > "$kubeconfig"
fi
unset APPLY_KEY OBSERVER_KEY APPLY_KUBECONFIG OBSERVER_KUBECONFIG
"$@"
