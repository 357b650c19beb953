// Command k3s-server is `k3s server` of the stand-in; what it is and leaves out stands in command k3s.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rancher/wharfie/pkg/registries"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
)

const (
	version = "v1.33.6+k3s1 (stand-in)"
	// startDelay is how long the API server takes to answer; K3s takes several seconds.
	startDelay = 2 * time.Second
	// kubeletDelay is between the API server's readiness and the kubelet's start, which waits for it.
	kubeletDelay = 500 * time.Millisecond
	// retryInterval is between two tries to configure the agent (K3s: 5 to 10 s).
	retryInterval = 5 * time.Second
)

func main() {
	app := &cli.App{
		Name:           "k3s server",
		Usage:          "Run management server",
		Flags:          serverFlags,
		Action:         serve,
		ExitErrHandler: func(*cli.Context, error) {},
		// A comma separates nothing: kubelet-arg has values with commas.
		DisableSliceFlagSeparator: true,
	}
	arguments, err := withConfigFiles(os.Args[1:])
	if err != nil {
		logrus.Fatal(err)
	}
	if err := app.Run(append([]string{"k3s server"}, arguments...)); err != nil {
		logrus.Fatalf("Error: %v", err)
	}
}

// serve starts in the order of K3s: API server, configuration of the agent, kubelet, and only then READY.
func serve(c *cli.Context) error {
	if c.Args().Present() {
		return fmt.Errorf("extra args provided: %q", c.Args().Slice())
	}
	logrus.Infof("Starting k3s %s", version)
	time.Sleep(startDelay)

	node, err := nodeName(c)
	if err != nil {
		return err
	}
	api := &apiServer{node: node}
	identity, err := loadIdentity(filepath.Join(c.String("data-dir"), "server", "tls"), c.StringSlice("tls-san"))
	if err != nil {
		return err
	}
	if err := api.listen(c.String("bind-address"), c.Int("https-listen-port"), identity); err != nil {
		return err
	}
	if err := writeKubeconfig(c, identity); err != nil {
		return err
	}
	logrus.Info("Kube API server is now running")
	logrus.Info("k3s is up and running")

	for {
		err := checkRegistries(c.String("private-registry"))
		if err == nil {
			break
		}
		logrus.Infof("Waiting to retrieve agent configuration; server is not ready: %v", err)
		time.Sleep(retryInterval)
	}

	time.Sleep(kubeletDelay)
	configz, err := kubeletConfigz(c.StringSlice("kubelet-arg"))
	if err != nil {
		logrus.Fatalf("kubelet exited: %v", err)
	}
	api.startKubelet(configz)
	if _, err := daemon.SdNotify(true, daemon.SdNotifyReady); err != nil {
		return err
	}
	select {}
}

// checkRegistries loads registries.yaml by the library and with the errors of K3s.
func checkRegistries(path string) error {
	loaded, err := registries.GetPrivateRegistries(path)
	if err != nil {
		return err
	}
	for name, config := range loaded.Registry.Configs {
		if config.TLS == nil {
			continue
		}
		for _, file := range []string{config.TLS.CAFile, config.TLS.CertFile, config.TLS.KeyFile} {
			if file == "" {
				continue
			}
			if _, err := os.Stat(file); err != nil {
				return fmt.Errorf("registry %s: %w", name, err)
			}
		}
	}
	return nil
}

func nodeName(c *cli.Context) (string, error) {
	if name := c.String("node-name"); name != "" {
		return strings.ToLower(name), nil
	}
	name, err := os.Hostname()
	return strings.ToLower(name), err
}

func writeKubeconfig(c *cli.Context, identity *identity) error {
	path := c.String("write-kubeconfig")
	if path == "" {
		path = "/etc/rancher/k3s/k3s.yaml"
	}
	mode := os.FileMode(0o600)
	if text := c.String("write-kubeconfig-mode"); text != "" {
		parsed, err := strconv.ParseUint(text, 8, 32)
		if err != nil {
			return fmt.Errorf("failed to set %s mode: %w", path, err)
		}
		mode = os.FileMode(parsed)
	}
	gid := -1
	if name := c.String("write-kubeconfig-group"); name != "" {
		group, err := user.LookupGroup(name)
		if err != nil {
			return err
		}
		if gid, err = strconv.Atoi(group.Gid); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	text := identity.kubeconfig(c.Int("https-listen-port"))
	return errors.Join(os.WriteFile(path, text, mode), os.Chmod(path, mode), os.Chown(path, -1, gid))
}
