// Command k3s is a stand-in for K3s on a virtual machine without images and without a network: `k3s server` reads the
// files that the host program writes, judges them as K3s v1.33 does and answers on port 6443, but runs no pods.
//
// As in K3s: the configuration files and their merging, the flags of `k3s server`, registries.yaml by K3s' own library,
// the kubelet's flags and checks by the kubelet's own packages, systemd's notification, the certificates and the
// kubeconfig, `k3s kubectl get --raw` with the kubelet's configz, `k3s ctr` and the CRI calls behind `k3s crictl`.
//
// Left out: the datastore and every API but health, version and nodes; pods, network, add-ons, joining; drop-ins in
// kubelet.conf.d; values of flags that only those parts use. containerd is the machine's own unit and does not stop with
// k3s. Stricter than K3s: a file of a certificate authority that registries.yaml names must exist at the start, and not
// only when an image is pulled.
//
// K3s itself unpacks its parts and executes them; here `k3s server` executes k3s-server, so that the other commands start
// without the kubelet's packages, which take a second to initialise on an emulated processor.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
)

const (
	version           = "v1.33.6+k3s1 (stand-in)"
	serverExecutable  = "/usr/local/lib/k3s/k3s-server"
	containerdAddress = "/run/containerd/containerd.sock"
)

func main() {
	// The installer links kubectl and crictl to k3s.
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	if args[0] == "k3s" {
		args = args[1:]
	}
	if len(args) == 0 {
		fail(fmt.Errorf("No help topic for ''"))
	}
	switch command, words := args[0], args[1:]; command {
	case "--version", "-v":
		fmt.Printf("k3s version %s\ngo version %s\n", version, runtime.Version())
	case "server":
		fail(execute(serverExecutable, words, os.Environ()))
	case "kubectl":
		fail(kubectl(words))
	case "crictl":
		fail(crictl(words))
	case "ctr":
		ctr, err := exec.LookPath("ctr")
		fail(err)
		// What the command line says comes after, and wins.
		fail(execute(ctr, words, append([]string{
			"CONTAINERD_ADDRESS=" + containerdAddress,
			"CONTAINERD_NAMESPACE=k8s.io",
		}, os.Environ()...)))
	default:
		fail(fmt.Errorf("No help topic for '%s'", command))
	}
}

// execute replaces this process, so that systemd keeps seeing the one it has started.
func execute(path string, words, environment []string) error {
	return syscall.Exec(path, append([]string{path}, words...), environment)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
