package main

import (
	"fmt"

	"github.com/google/shlex"

	"github.com/pulumi/pulumi/sdk/v3/nodejs/npm"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// options are `runtime.options` of Pulumi.yaml or PulumiPolicy.yaml.
type options struct {
	// Run TypeScript through ts-node; on unless switched off.
	typescript     bool
	tsconfig       string
	nodeArgs       []string
	packageManager npm.PackageManagerType
}

var packageManagers = map[string]npm.PackageManagerType{
	"auto": npm.AutoPackageManager,
	"npm":  npm.NpmPackageManager,
	"yarn": npm.YarnPackageManager,
	"pnpm": npm.PnpmPackageManager,
	"bun":  npm.BunPackageManager,
}

func optionsOf(info *pulumirpc.ProgramInfo) (options, error) {
	given := info.GetOptions().AsMap()
	opts := options{typescript: true, packageManager: npm.AutoPackageManager}

	if value, ok := given["typescript"]; ok {
		if opts.typescript, ok = value.(bool); !ok {
			return opts, fmt.Errorf("runtime option typescript is %v: it must be true or false", value)
		}
	}
	if value, ok := given["tsconfig"]; ok {
		if opts.tsconfig, ok = value.(string); !ok {
			return opts, fmt.Errorf("runtime option tsconfig is %v: it must be a path", value)
		}
	}
	if value, ok := given["nodeargs"]; ok {
		line, ok := value.(string)
		if !ok {
			return opts, fmt.Errorf("runtime option nodeargs is %v: it must be text", value)
		}
		var err error
		if opts.nodeArgs, err = shlex.Split(line); err != nil {
			return opts, fmt.Errorf("runtime option nodeargs %q cannot be split into words: %w", line, err)
		}
	}
	if value, ok := given["packagemanager"]; ok {
		name, _ := value.(string)
		if opts.packageManager, ok = packageManagers[name]; !ok {
			return opts, fmt.Errorf(
				"runtime option packagemanager is %v: it must be auto, npm, yarn, pnpm or bun", value)
		}
	}
	return opts, nil
}

// environment is what the options mean to the SDK's run scripts.
func (o options) environment() []string {
	var env []string
	if o.typescript {
		env = append(env, "PULUMI_NODEJS_TYPESCRIPT=true")
	}
	if o.tsconfig != "" {
		env = append(env, "PULUMI_NODEJS_TSCONFIG_PATH="+o.tsconfig)
	}
	return env
}
