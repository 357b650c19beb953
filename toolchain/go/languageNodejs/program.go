package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// exitLogged is the exit code by which the SDK says that the user has already read what went wrong.
const exitLogged = 32

// interruptGrace is how long node may take to end after an interrupt before it is killed.
const interruptGrace = 5 * time.Second

// Run runs a program to its end. The engine's monitor is handed to the program as it is: the SDK of this version has
// no synchronous invokes any more, which a proxy in the host was for.
func (h *host) Run(ctx context.Context, req *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if h.engine() == "" {
		return nil, errors.New("the engine did not say its address: a host that was attached to needs a Handshake first")
	}
	if req.GetAttachDebugger() {
		return nil, errLeftOut("attaching a debugger")
	}
	cmd, err := h.programCommand(ctx, req)
	if err != nil {
		return &pulumirpc.RunResponse{Error: err.Error()}, nil
	}
	logging.V(5).Infof("starting %s", cmd)

	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case !errors.As(err, &exit):
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("node could not be run: %v", err)}, nil
	case exit.ExitCode() == exitLogged:
		return &pulumirpc.RunResponse{Bail: true}, nil
	default:
		return &pulumirpc.RunResponse{Error: describeExit("Program", exit)}, nil
	}
}

func (h *host) programCommand(ctx context.Context, req *pulumirpc.RunRequest) (*exec.Cmd, error) {
	info := req.GetInfo()
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errNoNode(err)
	}
	script, err := sdkScript(info.GetProgramDirectory(), "run", "pulumi install")
	if err != nil {
		return nil, err
	}
	opts, err := optionsOf(info)
	if err != nil {
		return nil, err
	}
	configuration, err := configurationOf(req)
	if err != nil {
		return nil, err
	}
	secretKeys := req.GetConfigSecretKeys()
	if secretKeys == nil {
		secretKeys = []string{}
	}
	secretKeysJSON, err := json.Marshal(secretKeys)
	if err != nil {
		return nil, err
	}

	args := append(append([]string{}, opts.nodeArgs...), script)
	add := func(flag, value string) {
		if value != "" {
			args = append(args, "--"+flag, value)
		}
	}
	add("monitor", req.GetMonitorAddress())
	add("engine", h.engine())
	add("organization", req.GetOrganization())
	add("project", req.GetProject())
	add("root-directory", info.GetRootDirectory())
	add("stack", req.GetStack())
	add("pwd", info.GetProgramDirectory())
	if req.GetDryRun() {
		args = append(args, "--dry-run")
	}
	add("parallel", strconv.Itoa(int(req.GetParallel())))
	add("tracing", h.tracing)
	args = append(args, info.GetEntryPoint())
	args = append(args, req.GetArgs()...)

	// Either of the two ends the program: the engine's Cancel, and the end of this request.
	running, cancel := context.WithCancel(h.running)
	context.AfterFunc(ctx, cancel)
	cmd := exec.CommandContext(running, node, args...)
	cmd.Cancel = func() error {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return cmd.Process.Kill()
		}
		return nil
	}
	cmd.WaitDelay = interruptGrace
	cmd.Env = append(os.Environ(),
		"PULUMI_CONFIG="+configuration, "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeysJSON))
	cmd.Env = append(cmd.Env, opts.environment()...)
	// Node may switch a descriptor that it inherits to non-blocking, which would break our own writes to it; behind a
	// plain writer it gets a pipe instead.
	cmd.Stdout = struct{ io.Writer }{os.Stdout}
	cmd.Stderr = struct{ io.Writer }{os.Stderr}
	return cmd, nil
}

// configurationOf is the stack's configuration as the SDK reads it from PULUMI_CONFIG: namespace:config:name -> value.
func configurationOf(req *pulumirpc.RunRequest) (string, error) {
	byKey := map[string]string{}
	for name, value := range req.GetConfig() {
		key, err := config.ParseKey(name)
		if err != nil {
			return "", fmt.Errorf("configuration key %q: %w", name, err)
		}
		byKey[key.Namespace()+":config:"+key.Name()] = value
	}
	text, err := json.Marshal(byKey)
	return string(text), err
}

// sdkScript finds one of the SDK's entry scripts from a program's folder upwards, as node's own resolution does (asking
// node costs a process start on every run).
func sdkScript(directory, name, install string) (string, error) {
	for folder := directory; ; folder = filepath.Dir(folder) {
		script := filepath.Join(folder, "node_modules", "@pulumi", "pulumi", "cmd", name, "index.js")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("package @pulumi/pulumi is not in a node_modules folder of %s or above it: run %s",
				directory, install)
		}
	}
}

func describeExit(what string, exit *exec.ExitError) string {
	if code := exit.ExitCode(); code > 0 {
		return fmt.Sprintf("%s exited with non-zero exit code: %d", what, code)
	}
	return fmt.Sprintf("%s exited unexpectedly: %v", what, exit)
}
