package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// manifest is the part of a package.json that says which resource plugin its package needs.
type manifest struct {
	Name    string                  `json:"name"`
	Version string                  `json:"version"`
	Pulumi  plugin.PulumiPluginJSON `json:"pulumi"`
}

// pluginsOf lists the resource plugins that the packages in a program's node_modules name, nested node_modules
// included. It opens package.json files only, never a package's other folders: the tree of a small program has tens of
// thousands of files, and this runs before every preview.
func pluginsOf(programDirectory string) []*pulumirpc.PackageDependency {
	found := &pluginScan{seen: map[string]bool{}, listed: map[string]bool{}}
	found.nodeModules(filepath.Join(programDirectory, "node_modules"))
	return found.packages
}

type pluginScan struct {
	packages []*pulumirpc.PackageDependency
	// Folders that were visited: package managers link packages to each other.
	seen map[string]bool
	// name@version pairs that are in packages.
	listed map[string]bool
}

func (s *pluginScan) nodeModules(directory string) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return
	}
	for _, entry := range entries {
		name := entry.Name()
		path := filepath.Join(directory, name)
		switch {
		case strings.HasPrefix(name, "."):
			continue
		case strings.HasPrefix(name, "@"):
			// A scope: its entries are packages.
			s.nodeModules(path)
		default:
			s.pkg(path)
		}
	}
}

func (s *pluginScan) pkg(directory string) {
	real, err := filepath.EvalSymlinks(directory)
	if err != nil || s.seen[real] {
		return
	}
	s.seen[real] = true

	if content, err := os.ReadFile(filepath.Join(real, "package.json")); err == nil {
		var pkg manifest
		if err := json.Unmarshal(content, &pkg); err != nil {
			logging.V(3).Infof("%s/package.json is not read: %v", real, err)
		} else if pkg.Pulumi.Resource {
			s.add(pkg)
		}
	}
	s.nodeModules(filepath.Join(real, "node_modules"))
}

func (s *pluginScan) add(pkg manifest) {
	name := pkg.Pulumi.Name
	if name == "" {
		official, ok := strings.CutPrefix(pkg.Name, "@pulumi/")
		if !ok {
			logging.V(3).Infof("package %q names no plugin: pulumi.name is missing in its package.json", pkg.Name)
			return
		}
		name = official
	}
	version := pkg.Pulumi.Version
	if version == "" {
		version = pkg.Version
	}
	if name == "" || version == "" {
		logging.V(3).Infof("package %q names no plugin version", pkg.Name)
		return
	}
	version = "v" + strings.TrimPrefix(version, "v")

	parameterization := pkg.Pulumi.Parameterization
	key := name + "@" + version
	if parameterization != nil {
		key += "@" + parameterization.Name + "@" + parameterization.Version
	}
	if s.listed[key] {
		return
	}
	s.listed[key] = true

	dependency := &pulumirpc.PackageDependency{
		Name:    name,
		Kind:    "resource",
		Version: version,
		Server:  pkg.Pulumi.Server,
	}
	if parameterization != nil {
		dependency.Parameterization = &pulumirpc.PackageParameterization{
			Name:    parameterization.Name,
			Version: parameterization.Version,
			Value:   parameterization.Value,
		}
	}
	s.packages = append(s.packages, dependency)
}
