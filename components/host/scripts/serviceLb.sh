# K3s' own service load balancer switched off: a drop-in of its configuration. K3s takes the pods of it away when it starts
# without it; services keep, or get, an address from whoever else gives them one, or the change is taken back.

validate_k3s_servicelb() {
  need_commands k3s python3 systemctl
  local config clashes
  config=$(dirname -- "$(dirname -- "$2")")
  python3 -c 'import yaml' 2> /dev/null || refuse "python3-yaml is not installed on this host: the files of $config cannot be compared"
  # The line is not shown: it may hold the cluster's token.
  ! systemctl show --property ExecStart --value k3s.service | grep --quiet -- --disable \
    || refuse "k3s.service has --disable in its command line, which goes before every file: move that to $config/config.yaml"
  clashes=$(python3 -c "$SERVICELB_CLASHES" "$2" "$config") || refuse "the files of $config cannot be compared"
  [[ -z $clashes ]] || refuse "$clashes"
  # Without anybody else to give out addresses every service would lose its own.
  timeout 10 k3s kubectl get --raw /apis/metallb.io/v1beta1/ipaddresspools | python3 -c 'import json, sys; sys.exit(not json.load(sys.stdin)["items"])' \
    || refuse "MetalLB has no pool on this cluster: services of the type LoadBalancer would lose their addresses"
}

# Names of files only: config.yaml may hold the cluster's token.
readonly SERVICELB_CLASHES='
import glob, sys, yaml
path, config = sys.argv[1:]
found = []
for name in sorted(glob.glob(config + "/config.yaml.d/*.yaml") + glob.glob(config + "/config.yaml.d/*.yml")):
    try:
        content = yaml.safe_load(open(name)) or {}
        if name > path and "disable" in content:
            found.append(f"{name} has disable, which replaces ours: write disable+ there")
    except Exception:
        found.append(f"{name} is not a mapping in YAML")
print("; ".join(found))
'

activate_k3s_servicelb() {
  activate_k3s || return 1
  # Said aloud only when it is the last word.
  wait_until 120 services_have_addresses "$1" 2> /dev/null || services_have_addresses "$1"
}

healthy_k3s_servicelb() { healthy_k3s && services_have_addresses "$1" 2> /dev/null; }

# services_have_addresses PATH: as the drop-in has it, K3s' own balancer has no pods, and every service has another's address.
services_have_addresses() {
  [[ -e $1 ]] || return 0
  timeout 10 k3s kubectl get --raw /apis/apps/v1/daemonsets | python3 -c '
import json, sys
names = [item["metadata"]["name"] for item in json.load(sys.stdin)["items"]]
left = [name for name in names if name.startswith("svclb-")]
if left:
    sys.exit(f"twisterlab-edge: the service load balancer of K3s still runs ({chr(44).join(left)})")' || return 1
  timeout 10 k3s kubectl get --raw /api/v1/services | python3 -c '
import json, sys
own = sys.argv[1].split()
for item in json.load(sys.stdin)["items"]:
    if item["spec"].get("type") != "LoadBalancer":
        continue
    found = [each.get("ip") for each in item["status"].get("loadBalancer", {}).get("ingress", [])]
    # The address of the machine is what the balancer of before has left there.
    if not found or set(found) & set(own):
        sys.exit("twisterlab-edge: the service {namespace}/{name} has no address of MetalLB".format(**item["metadata"]))' "$(hostname -I)"
}
