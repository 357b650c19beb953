package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rancher/wrangler/v3/pkg/data/convert"
	"github.com/sirupsen/logrus"
	"gopkg.in/yaml.v2"
)

const (
	configVariable = "K3S_CONFIG_FILE"
	defaultConfig  = "/etc/rancher/k3s/config.yaml"
)

// withConfigFiles puts the flags of the configuration file and of its drop-ins before the arguments of the command line,
// which therefore win. A key that is no flag of `k3s server` is skipped with a warning: K3s starts without it.
func withConfigFiles(arguments []string) ([]string, error) {
	settings, err := readConfig(configFile(arguments))
	if err != nil {
		return nil, err
	}
	valid := map[string]bool{}
	for _, flag := range serverFlags {
		for _, name := range flag.Names() {
			valid[name] = true
		}
	}
	var result []string
	for _, setting := range settings {
		prefix := "--"
		if len(setting.key) == 1 {
			prefix = "-"
		}
		for _, value := range setting.values {
			if !valid[setting.key] {
				logrus.Warnf("Unknown flag %s%s found in config.yaml, skipping\n", prefix, setting.key)
				continue
			}
			result = append(result, prefix+setting.key+"="+value)
		}
	}
	return append(result, arguments...), nil
}

func configFile(arguments []string) string {
	if file := os.Getenv(configVariable); file != "" {
		return file
	}
	for i, argument := range arguments {
		for _, name := range []string{"--config", "-c"} {
			if argument == name && i+1 < len(arguments) {
				return arguments[i+1]
			} else if value, ok := strings.CutPrefix(argument, name+"="); ok {
				return value
			}
		}
	}
	return defaultConfig
}

// setting is a key with its values, in the order of the keys' first appearance.
type setting struct {
	key    string
	values []string
}

// readConfig merges the file and its drop-ins: a later value replaces an earlier one, unless its key ends in `+`.
func readConfig(file string) ([]setting, error) {
	files, err := configFiles(file)
	if err != nil {
		return nil, err
	}
	var settings []setting
	position := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		content := yaml.MapSlice{}
		if err := yaml.Unmarshal(text, &content); err != nil {
			return nil, err
		}
		for _, item := range content {
			key, isAppend := strings.CutSuffix(convert.ToString(item.Key), "+")
			at, seen := position[key]
			if !seen {
				at = len(settings)
				position[key] = at
				settings = append(settings, setting{key: key})
			}
			if values := toValues(item.Value); seen && isAppend {
				settings[at].values = append(settings[at].values, values...)
			} else {
				settings[at].values = values
			}
		}
	}
	return settings, nil
}

func configFiles(file string) ([]string, error) {
	var files []string
	if _, err := os.Stat(file); err == nil {
		files = append(files, file)
	} else if !os.IsNotExist(err) {
		return nil, err
	}
	// Sorted by name.
	entries, err := os.ReadDir(file + ".d")
	if err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("failed to read drop-ins: %w", err)
	}
	for _, entry := range entries {
		name := strings.ToLower(entry.Name())
		if !entry.IsDir() && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")) {
			files = append(files, filepath.Join(file+".d", entry.Name()))
		}
	}
	return files, nil
}

func toValues(value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{convert.ToString(value)}
	}
	values := []string{}
	for _, item := range list {
		values = append(values, convert.ToString(item))
	}
	return values
}
