# What the kubelet clears away by itself: a drop-in of K3s' configuration, whose flags are compared with what the kubelet
# then runs with. A flag that somebody else sets too, or sets back, would otherwise go unseen.

validate_k3s_kubelet() {
  need_commands k3s python3 systemctl
  local config version clashes
  config=$(dirname -- "$(dirname -- "$2")")
  python3 -c 'import yaml' 2> /dev/null || refuse "python3-yaml is not installed on this host: the files of $config cannot be compared"
  # Drop-ins, and keys that add to a list, came with 1.21.
  version=$(timeout 10 k3s --version) || refuse "K3s does not tell its version"
  if [[ ! $version =~ ^k3s\ version\ v1\.([0-9]+)\. ]] || ((BASH_REMATCH[1] < 21)); then
    refuse "this K3s does not read $config/config.yaml.d (${version%%$'\n'*}); v1.21 and later do"
  fi
  # The line is not shown: it may hold the cluster's token.
  ! systemctl show --property ExecStart --value k3s.service | grep --quiet -- --kubelet-arg \
    || refuse "k3s.service has --kubelet-arg in its command line, which goes before every file: move that to $config/config.yaml"
  clashes=$(python3 -c "$KUBELET_CLASHES" "$1" "$2" "$config") || refuse "the new $2 is not a list of flags in YAML"
  [[ -z $clashes ]] || refuse "$clashes"
}

# Who else sets our flags. Names of files and flags only: config.yaml may hold the cluster's token.
readonly KUBELET_CLASHES='
import glob, sys, yaml
staged, path, config = sys.argv[1:]

def flags(content, *keys):
    values = [content.get(key) or [] for key in keys]
    lists = [value if isinstance(value, list) else [value] for value in values]
    return {str(flag).split("=")[0].lstrip("-") for flags in lists for flag in flags}

ours = flags(yaml.safe_load(open(staged)), "kubelet-arg+")
if not ours:
    sys.exit(1)
found = []
drop_ins = sorted(glob.glob(config + "/config.yaml.d/*.yaml") + glob.glob(config + "/config.yaml.d/*.yml"))
for name in glob.glob(config + "/config.yaml") + [name for name in drop_ins if name != path]:
    try:
        content = yaml.safe_load(open(name)) or {}
        both = sorted(ours & flags(content, "kubelet-arg", "kubelet-arg+"))
    except Exception:
        found.append(f"{name} is not a mapping in YAML")
        continue
    if both:
        found.append(f"{name} sets {chr(44).join(both)} as well: take that out, or out of the site file")
    elif name > path and "kubelet-arg" in content:
        found.append(f"{name} has kubelet-arg, which replaces ours: write kubelet-arg+ there")
print("; ".join(found))
'

# Pods outlive the restart. It ends well only when the kubelet runs with every value of the file.
activate_k3s_kubelet() {
  activate_k3s || return 1
  # Said aloud only when it is the last word.
  wait_until 60 kubelet_runs_as_written "$1" || kubelet_runs_as_written "$1"
}

healthy_k3s_kubelet() { healthy_k3s && kubelet_runs_as_written "$1" 2> /dev/null; }

kubelet_runs_as_written() {
  [[ ! -e $1 ]] || kubelet_config | python3 -c "$KUBELET_COMPARED" "$1"
}

readonly KUBELET_COMPARED='
import json, sys, yaml
answer = sys.stdin.read()
if not answer:
    sys.exit("twisterlab-edge: the kubelet does not tell what it runs with")
runs = json.loads(answer)
names = {
    "image-gc-high-threshold": "imageGCHighThresholdPercent",
    "image-gc-low-threshold": "imageGCLowThresholdPercent",
    "eviction-hard": "evictionHard",
    "eviction-minimum-reclaim": "evictionMinimumReclaim",
    "container-log-max-size": "containerLogMaxSize",
    "container-log-max-files": "containerLogMaxFiles",
}
for flag in yaml.safe_load(open(sys.argv[1]))["kubelet-arg+"]:
    name, value = flag.split("=", 1)
    between = {"eviction-hard": "<", "eviction-minimum-reclaim": "="}.get(name)
    wanted = value if between is None else dict(part.split(between) for part in value.split(","))
    found = runs[names[name]]
    if (found if isinstance(found, dict) else str(found)) != wanted:
        sys.exit(f"twisterlab-edge: the kubelet runs with {name} {found}, the file has {value}")
'

# kubelet_config: what the kubelet of this machine runs with, as JSON; only what the item is about.
kubelet_config() {
  local node
  # Raw: kubectl would first ask for all that the API server knows.
  node=$(timeout 5 k3s kubectl get --raw /api/v1/nodes | python3 -c '
import json, sys
for node in json.load(sys.stdin)["items"]:
    if node["status"]["nodeInfo"].get("machineID", sys.argv[1]) == sys.argv[1]:
        print(node["metadata"]["name"])' "$(machine_id)") || return 1
  [[ -n $node ]] || return 1
  timeout 5 k3s kubectl get --raw "/api/v1/nodes/$node/proxy/configz" | python3 -c '
import json, sys
runs = json.load(sys.stdin)["kubeletconfig"]
names = ("imageGCHighThresholdPercent", "imageGCLowThresholdPercent", "evictionHard", "evictionMinimumReclaim",
         "containerLogMaxSize", "containerLogMaxFiles")
print(json.dumps({name: runs.get(name) for name in names}))'
}
