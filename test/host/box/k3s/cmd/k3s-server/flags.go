package main

import (
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// serverFlags are the flags of `k3s server` in v1.33, those that it hides included. Those with a default here are used.
var serverFlags = flags()

func flags() []cli.Flag {
	result := []cli.Flag{
		&cli.StringFlag{Name: "config", Aliases: []string{"c"}},
		&cli.IntFlag{Name: "https-listen-port", Value: 6443},
		&cli.StringFlag{Name: "data-dir", Aliases: []string{"d"}, Value: "/var/lib/rancher/k3s"},
		&cli.StringFlag{Name: "private-registry", Value: "/etc/rancher/k3s/registries.yaml"},
		&cli.StringFlag{Name: "write-kubeconfig", Aliases: []string{"o"}, EnvVars: []string{"K3S_KUBECONFIG_OUTPUT"}},
		&cli.StringFlag{Name: "write-kubeconfig-mode", EnvVars: []string{"K3S_KUBECONFIG_MODE"}},
		&cli.StringFlag{Name: "write-kubeconfig-group", EnvVars: []string{"K3S_KUBECONFIG_GROUP"}},
		&cli.StringFlag{Name: "node-name", EnvVars: []string{"K3S_NODE_NAME"}},
		&cli.StringFlag{Name: "token", Aliases: []string{"t"}},
		&cli.StringFlag{Name: "server", Aliases: []string{"s"}},
		&cli.StringFlag{Name: "log", Aliases: []string{"l"}},
		&cli.StringSliceFlag{Name: "node-ip", Aliases: []string{"i"}},
		&cli.BoolFlag{Name: "tls-san-security", Value: true},
		&cli.DurationFlag{Name: "etcd-s3-timeout", Value: 5 * time.Minute},
	}
	for _, name := range strings.Fields(`
		bind-address advertise-address service-node-port-range cluster-domain flannel-backend egress-selector-mode
		servicelb-namespace helm-job-image token-file agent-token agent-token-file cluster-reset-restore-path
		datastore-endpoint datastore-cafile datastore-certfile datastore-keyfile etcd-snapshot-name
		etcd-snapshot-schedule-cron etcd-snapshot-dir etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-access-key
		etcd-s3-secret-key etcd-s3-session-token etcd-s3-bucket etcd-s3-bucket-lookup-type etcd-s3-region etcd-s3-folder
		etcd-s3-proxy etcd-s3-config-secret default-local-storage-path image-credential-provider-bin-dir
		image-credential-provider-config container-runtime-endpoint default-runtime image-service-endpoint pause-image
		snapshotter system-default-registry resolv-conf flannel-iface flannel-conf flannel-cni-conf vpn-auth
		vpn-auth-file secrets-encryption-provider apiserver-bind-address vmodule`) {
		result = append(result, &cli.StringFlag{Name: name})
	}
	for _, name := range strings.Fields(`
		tls-san cluster-cidr service-cidr cluster-dns kube-apiserver-arg etcd-arg kube-controller-manager-arg
		kube-scheduler-arg kube-cloud-controller-manager-arg disable node-label node-taint airgap-extra-registry
		node-external-ip node-internal-dns node-external-dns kubelet-arg kube-proxy-arg kube-controller-arg
		kube-cloud-controller-arg`) {
		result = append(result, &cli.StringSliceFlag{Name: name})
	}
	for _, name := range strings.Fields(`
		debug alsologtostderr flannel-ipv6-masq flannel-external-ip cluster-init cluster-reset kine-tls
		etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-compress etcd-s3 etcd-s3-skip-ssl-verify
		etcd-s3-insecure disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy
		disable-helm-controller disable-apiserver disable-controller-manager disable-etcd embedded-registry
		supervisor-metrics with-node-id docker disable-default-registry-endpoint nonroot-devices
		protect-kernel-defaults secrets-encryption enable-pprof rootless prefer-bundled-bin selinux disable-agent`) {
		result = append(result, &cli.BoolFlag{Name: name})
	}
	for _, name := range strings.Fields(`
		v advertise-port supervisor-port apiserver-port etcd-snapshot-retention etcd-s3-retention lb-server-port`) {
		result = append(result, &cli.IntFlag{Name: name})
	}
	return result
}
