package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func TestPluginsOf(t *testing.T) {
	program := t.TempDir()
	write(t, program, "node_modules/@pulumi/kubernetes/package.json",
		`{"name": "@pulumi/kubernetes", "version": "4.25.0", "pulumi": {"resource": true}}`)
	write(t, program, "node_modules/@pulumi/command/package.json",
		`{"name": "@pulumi/command", "version": "9.9.9", "pulumi": {"resource": true, "name": "command", "version": "v1.2.1"}}`)
	write(t, program, "node_modules/@pulumi/pulumi/package.json", `{"name": "@pulumi/pulumi", "version": "3.250.0"}`)
	// A second version of a plugin, in a package's own node_modules.
	write(t, program, "node_modules/wrapper/package.json", `{"name": "wrapper", "version": "1.0.0"}`)
	write(t, program, "node_modules/wrapper/node_modules/@pulumi/kubernetes/package.json",
		`{"name": "@pulumi/kubernetes", "version": "4.0.0", "pulumi": {"resource": true}}`)
	write(t, program, "node_modules/third/package.json",
		`{"name": "@third/party", "version": "2.0.0", "pulumi": {"resource": true, "name": "party", "server": "https://example.org",
			"parameterization": {"name": "real", "version": "3.0.0", "value": "AQI="}}}`)
	// None of these names a plugin, and none of them may end the search.
	write(t, program, "node_modules/nameless/package.json", `{"name": "@third/nameless", "version": "1.0.0", "pulumi": {"resource": true}}`)
	write(t, program, "node_modules/off/package.json", `{"name": "@pulumi/off", "version": "1.0.0", "pulumi": {"resource": false}}`)
	write(t, program, "node_modules/broken/package.json", `{"name": `)
	write(t, program, "node_modules/.cache/x/package.json", `{"name": "@pulumi/cached", "version": "1.0.0", "pulumi": {"resource": true}}`)
	write(t, program, "node_modules/wrapper/dist/package.json", `{"name": "@pulumi/deep", "version": "1.0.0", "pulumi": {"resource": true}}`)
	// A package that links back to the program: the search must end.
	if err := os.Symlink(program, filepath.Join(program, "node_modules", "self")); err != nil {
		t.Fatal(err)
	}

	var found []string
	for _, dependency := range pluginsOf(program) {
		if dependency.Kind != "resource" {
			t.Errorf("%s has kind %q", dependency.Name, dependency.Kind)
		}
		text := dependency.Name + " " + dependency.Version
		if p := dependency.Parameterization; p != nil {
			text += " " + p.Name + " " + p.Version + " " + string(rune('0'+len(p.Value))) + " bytes, " + dependency.Server
		}
		found = append(found, text)
	}
	slices.Sort(found)
	expected := []string{
		"command v1.2.1", "kubernetes v4.0.0", "kubernetes v4.25.0", "party v2.0.0 real 3.0.0 2 bytes, https://example.org",
	}
	if !slices.Equal(found, expected) {
		t.Errorf("found %q, expected %q", found, expected)
	}
	if none := pluginsOf(t.TempDir()); len(none) != 0 {
		t.Errorf("a program without node_modules needs %v", none)
	}
}

func TestOptionsOf(t *testing.T) {
	unset, err := optionsOf(info(t, nil))
	if err != nil || !slices.Equal(unset.environment(), []string{"PULUMI_NODEJS_TYPESCRIPT=true"}) {
		t.Errorf("without options: %v, %v", unset, err)
	}
	set, err := optionsOf(info(t, map[string]any{
		"typescript": false, "tsconfig": "other.json", "nodeargs": `--max-old-space-size=4096 "--title=a b"`, "packagemanager": "npm",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.environment(), []string{"PULUMI_NODEJS_TSCONFIG_PATH=other.json"}) {
		t.Errorf("environment is %q", set.environment())
	}
	if !slices.Equal(set.nodeArgs, []string{"--max-old-space-size=4096", "--title=a b"}) {
		t.Errorf("nodeargs are %q", set.nodeArgs)
	}
	for name, value := range map[string]any{
		"typescript": "yes", "tsconfig": 1.0, "nodeargs": true, "packagemanager": "pip",
	} {
		if _, err := optionsOf(info(t, map[string]any{name: value})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("option %s = %v: %v", name, value, err)
		}
	}
}

func TestConfigurationOf(t *testing.T) {
	text, err := configurationOf(&pulumirpc.RunRequest{Config: map[string]string{"app:name": "x", "app:config:old": "y"}})
	if err != nil || text != `{"app:config:name":"x","app:config:old":"y"}` {
		t.Errorf("configuration is %s, %v", text, err)
	}
	if text, err := configurationOf(&pulumirpc.RunRequest{}); err != nil || text != "{}" {
		t.Errorf("no configuration is %s, %v", text, err)
	}
}

// A policy pack reads the site's facts from its environment: what the official host puts there.
func TestPolicyEnvironment(t *testing.T) {
	env, err := policyEnvironment(&pulumirpc.AnalyzerStackConfigureRequest{
		Organization: "organization",
		Project:      "twisterlab-edge",
		Stack:        "edge-phase-1",
		DryRun:       true,
		Config:       map[string]string{"twisterlab-edge:site": `{"name":"edge"}`},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"PULUMI_NODEJS_ORGANIZATION=organization",
		"PULUMI_NODEJS_PROJECT=twisterlab-edge",
		"PULUMI_NODEJS_STACK=edge-phase-1",
		"PULUMI_NODEJS_DRY_RUN=true",
		`PULUMI_CONFIG={"twisterlab-edge:site":"{\"name\":\"edge\"}"}`,
	}
	if !slices.Equal(env, want) {
		t.Errorf("the pack is told %q, want %q", env, want)
	}

	// A state that is read from a file belongs to no stack; an up says that it is none of a dry run.
	env, err = policyEnvironment(&pulumirpc.AnalyzerStackConfigureRequest{})
	if want := []string{"PULUMI_NODEJS_DRY_RUN=false"}; err != nil || !slices.Equal(env, want) {
		t.Errorf("without a stack the pack is told %q (%v), want %q", env, err, want)
	}
}

func TestSDKScript(t *testing.T) {
	root := t.TempDir()
	pack := filepath.Join(root, "policies")
	if err := os.Mkdir(pack, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := sdkScript(pack, "run", "npm ci"); err == nil || !strings.Contains(err.Error(), "run npm ci") {
		t.Errorf("without the SDK: %v", err)
	}
	write(t, root, "node_modules/@pulumi/pulumi/cmd/run/index.js", "")
	script, err := sdkScript(pack, "run", "npm ci")
	if err != nil || script != filepath.Join(root, "node_modules/@pulumi/pulumi/cmd/run/index.js") {
		t.Errorf("script is %s, %v", script, err)
	}
}

func write(t *testing.T, folder, path, content string) {
	t.Helper()
	file := filepath.Join(folder, path)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func info(t *testing.T, given map[string]any) *pulumirpc.ProgramInfo {
	t.Helper()
	fields, err := structpb.NewStruct(given)
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{Options: fields}
}
