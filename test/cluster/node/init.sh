#!/bin/bash
# First process of a node: control plane, kubelet and what K3s brings along, in namespaces of their own. What it changes of
# processes, files, mounts and network ends with it; its control groups are removed by whoever has started it.
# Arguments: folder of the executables, folder that stays (state, logs), name of its control group.
set -euo pipefail
readonly programs=$1 state=$2 cgroup=$3
here=$(dirname "$(readlink -f "$0")")
readonly here

if [[ ${4-} != inside ]]; then
  # A root of our own, on top of the machine's: where K3s and EdgeServer have their paths, so are they.
  mount --make-rprivate /
  mkdir -p "$state"/{upper,containerd,logs,disks/ai-storage,disks/data-warehouse}
  mount -t tmpfs tmpfs "$state/upper"
  mkdir "$state"/upper/{files,work,root}
  mount -t overlay overlay -o "lowerdir=/,upperdir=$state/upper/files,workdir=$state/upper/work" "$state/upper/root"
  cd "$state/upper/root"
  for folder in proc sys dev; do
    mount --rbind "/$folder" "./$folder"
  done
  mkdir -p "./$programs" "./$state" "./$here" ./old
  for folder in "$programs" "$state" "$here"; do
    mount --bind "$folder" "./$folder"
  done
  pivot_root . old
  cd /
  exec bash "$here/init.sh" "$@" inside
fi

umount --lazy /old
mount -t tmpfs tmpfs /run
mkdir -p /run/k3s/containerd /var/lib/rancher/k3s/{agent/containerd,server/db/etcd,storage} /twisterlab/{ai-storage,data-warehouse}
# An overlay on an overlay is not possible, and the containers' file systems are overlays.
mount --bind "$state/containerd" /var/lib/rancher/k3s/agent/containerd
mount --bind "$state/disks/ai-storage" /twisterlab/ai-storage
mount --bind "$state/disks/data-warehouse" /twisterlab/data-warehouse
hostname edgeserver
printf '192.168.0.30 edgeserver\n127.0.0.1 localhost\n' > /etc/hosts
: > /etc/resolv.conf

# The address of EdgeServer; `uplink` leads to whoever has started us.
ip link set lo up
ip link add eno1 type bridge
ip address add 192.168.0.30/24 dev eno1
ip link set eno1 up
sysctl -q net.ipv4.ip_forward=1

# The kubelet makes those of its pods, within this one. Processors and memory nodes are not inherited.
for hierarchy in /sys/fs/cgroup/*/; do
  [[ ! -e $hierarchy/cgroup.procs ]] || mkdir -p "$hierarchy/$cgroup"
done
for file in cpuset.cpus cpuset.mems; do
  [[ ! -e /sys/fs/cgroup/cpuset/$file ]] || cat "/sys/fs/cgroup/cpuset/$file" > "/sys/fs/cgroup/cpuset/$cgroup/$file"
done

cp -r "$here/etc/." /etc/
sed -i "s|@CGROUP@|/$cgroup|" /etc/rancher/k3s/kubelet.yaml
cd /etc/rancher/k3s
openssl genrsa -out service-account.key 2048 2> /dev/null

start() {
  local name=$1
  shift
  "$@" > "$state/logs/$name.log" 2>&1 &
  names[$!]=$name
}
declare -A names

start etcd etcd --data-dir /var/lib/rancher/k3s/server/db/etcd
start containerd containerd --config /etc/rancher/k3s/containerd.toml
start kube-apiserver "$programs/kubernetes" kube-apiserver \
  --etcd-servers=http://127.0.0.1:2379 --advertise-address=192.168.0.30 --cert-dir=/run/k3s \
  --service-cluster-ip-range=10.43.0.0/16 --allow-privileged \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --token-auth-file=tokens.csv \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file=service-account.key \
  --service-account-signing-key-file=service-account.key
start images ctr --address /run/k3s/containerd/containerd.sock --connect-timeout 60s -n k8s.io images import "$programs/images.tar"
images=$!

until curl --silent --fail --insecure --output /dev/null https://127.0.0.1:6443/readyz; do
  sleep 0.2
done
wait "$images"
unset "names[$images]"
# The first of its certificates is the API server's own, the last that of the authority that it has made for itself.
cp /run/k3s/apiserver.crt ca.crt
for user in admin kube-controller-manager kube-scheduler kube-proxy edgeserver coredns local-path; do
  # Nobody else is in its network: a user's token is the name.
  sed "s|@TOKEN@|$user|" kubeconfig.yaml > "$user.kubeconfig"
done
cp admin.kubeconfig ca.crt "$state"

start kube-controller-manager "$programs/kubernetes" kube-controller-manager --kubeconfig=kube-controller-manager.kubeconfig \
  --use-service-account-credentials --service-account-private-key-file=service-account.key --root-ca-file=ca.crt \
  --leader-elect=false --cluster-cidr=10.42.0.0/16 --allocate-node-cidrs=false
start kube-scheduler "$programs/kubernetes" kube-scheduler --kubeconfig=kube-scheduler.kubeconfig --leader-elect=false
start kube-proxy "$programs/kubernetes" kube-proxy --kubeconfig=kube-proxy.kubeconfig --proxy-mode=iptables \
  --masquerade-all --cluster-cidr=10.42.0.0/16 --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 \
  --conntrack-tcp-timeout-close-wait=0 --hostname-override=edgeserver
start kubelet "$programs/kubernetes" kubelet --config=kubelet.yaml --kubeconfig=edgeserver.kubeconfig \
  --hostname-override=edgeserver --node-ip=192.168.0.30
start coredns "$programs/coredns" -conf Corefile
start local-path-provisioner "$programs/local-path-provisioner" start --config local-path.json --kubeconfig local-path.kubeconfig \
  --helper-image rancher/mirrored-library-busybox:1.36.1 --helper-pod-file local-path-helper.yaml --namespace kube-system \
  --service-account-name default

export KUBECONFIG=/etc/rancher/k3s/admin.kubeconfig
printf '#!/bin/sh\nexec %s kubectl "$@"\n' "$programs/kubernetes" > /usr/local/bin/kubectl
chmod +x /usr/local/bin/kubectl
kubectl apply --filename objects.yaml
until kubectl wait --for=condition=Ready node/edgeserver --timeout=10s > /dev/null 2>&1; do
  sleep 0.2
done
until kubectl get serviceaccount default > /dev/null 2>&1; do
  sleep 0.2
done
echo started
# Ends with the first that ends.
wait -n -p ended "${!names[@]}" || true
echo "${names[$ended]} ended"
exit 1
