package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/api/resource"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	cliflag "k8s.io/component-base/cli/flag"
	"k8s.io/kubelet/config/v1beta1"
	"k8s.io/kubernetes/cmd/kubelet/app/options"
	kubeletconfig "k8s.io/kubernetes/pkg/kubelet/apis/config"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/scheme"
	"k8s.io/kubernetes/pkg/kubelet/apis/config/validation"
	"k8s.io/kubernetes/pkg/kubelet/eviction"
)

// kubeletConfigz gives the kubelet's configuration as its configz shows it, or the error that the kubelet would end with.
func kubeletConfigz(extra []string) ([]byte, error) {
	config, err := options.NewKubeletConfiguration()
	if err != nil {
		return nil, err
	}
	setDefaultsOfK3s(config)
	if err := parseKubeletFlags(config, kubeletArguments(extra)); err != nil {
		return nil, err
	}
	if err := utilfeature.DefaultMutableFeatureGate.SetFromMap(config.FeatureGates); err != nil {
		return nil, fmt.Errorf("failed to set feature gates from initial flags-based config: %w", err)
	}
	if err := validation.ValidateKubeletConfiguration(config, utilfeature.DefaultFeatureGate); err != nil {
		return nil, fmt.Errorf("failed to validate kubelet configuration, error: %w", err)
	}
	if err := checkAsMainKubelet(config); err != nil {
		return nil, fmt.Errorf("failed to run Kubelet: %w", err)
	}
	return marshal(config)
}

// setDefaultsOfK3s are those of K3s' own drop-in, 00-k3s-defaults.conf, that differ from the kubelet's.
func setDefaultsOfK3s(config *kubeletconfig.KubeletConfiguration) {
	config.CgroupDriver = "cgroupfs"
	config.ClusterDomain = "cluster.local"
	config.ClusterDNS = []string{"10.43.0.10"}
	config.EvictionHard = map[string]string{"imagefs.available": "5%", "nodefs.available": "5%"}
	config.EvictionMinimumReclaim = map[string]string{"imagefs.available": "10%", "nodefs.available": "10%"}
	config.FailSwapOn = false
	config.HealthzBindAddress = "127.0.0.1"
	config.ReadOnlyPort = 0
	config.SerializeImagePulls = false
	config.ContainerRuntimeEndpoint = "unix:///run/k3s/containerd/containerd.sock"
}

// kubeletArguments sorts by name and keeps the order of an argument that is there more than once.
func kubeletArguments(extra []string) []string {
	var arguments []string
	for _, argument := range extra {
		name, value, hasValue := strings.Cut(strings.TrimPrefix(argument, "--"), "=")
		if !hasValue {
			value = "true"
		}
		arguments = append(arguments, "--"+strings.TrimRight(name, "+-")+"="+value)
	}
	sort.SliceStable(arguments, func(i, j int) bool {
		return flagName(arguments[i]) < flagName(arguments[j])
	})
	return arguments
}

func flagName(argument string) string {
	name, _, _ := strings.Cut(argument, "=")
	return name
}

func parseKubeletFlags(config *kubeletconfig.KubeletConfiguration, arguments []string) error {
	set := pflag.NewFlagSet("kubelet", pflag.ContinueOnError)
	set.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	kubeletFlags := options.NewKubeletFlags()
	kubeletFlags.AddFlags(set)
	options.AddKubeletConfigFlags(set, config)
	options.AddGlobalFlags(set)
	if err := set.Parse(arguments); err != nil {
		return fmt.Errorf("failed to parse kubelet flag: %w", err)
	}
	if err := options.ValidateKubeletFlags(kubeletFlags); err != nil {
		return fmt.Errorf("failed to validate kubelet flags: %w", err)
	}
	return nil
}

// checkAsMainKubelet checks what the kubelet finds out only when it builds its managers.
func checkAsMainKubelet(config *kubeletconfig.KubeletConfiguration) error {
	if _, err := eviction.ParseThresholdConfig(config.EnforceNodeAllocatable, config.EvictionHard, config.EvictionSoft,
		config.EvictionSoftGracePeriod, config.EvictionMinimumReclaim); err != nil {
		return err
	}
	size, err := resource.ParseQuantity(config.ContainerLogMaxSize)
	if err == nil {
		if _, ok := size.AsInt64(); !ok {
			err = fmt.Errorf("invalid max log size")
		}
	}
	if err != nil {
		return fmt.Errorf("failed to initialize container log manager: failed to parse container log max size %q: %w",
			config.ContainerLogMaxSize, err)
	}
	return nil
}

func marshal(config *kubeletconfig.KubeletConfiguration) ([]byte, error) {
	types, _, err := scheme.NewSchemeAndCodecs()
	if err != nil {
		return nil, err
	}
	versioned := v1beta1.KubeletConfiguration{}
	if err := types.Convert(config, &versioned, nil); err != nil {
		return nil, err
	}
	return json.Marshal(map[string]any{"kubeletconfig": versioned})
}
