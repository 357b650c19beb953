package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"

	"google.golang.org/grpc"

	"github.com/pulumi/pulumi/sdk/v3"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// RunPlugin runs a provider or a policy pack that is a Node.js program, until the engine ends the request.
func (h *host) RunPlugin(
	req *pulumirpc.RunPluginRequest, server grpc.ServerStreamingServer[pulumirpc.RunPluginResponse],
) error {
	if req.GetAttachDebugger() {
		return errLeftOut("attaching a debugger")
	}
	closer, stdout, stderr, err := rpcutil.MakeRunPluginStreams(server, false)
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()

	if req.GetKind() == string(apitype.AnalyzerPlugin) {
		err = runPolicyPack(server.Context(), req, stdout, stderr)
	} else {
		err = runProvider(server.Context(), req, stdout, stderr)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return errors.New(describeExit("Program", exit))
	}
	return err
}

func runProvider(ctx context.Context, req *pulumirpc.RunPluginRequest, stdout, stderr io.Writer) error {
	directory := req.GetInfo().GetProgramDirectory()
	cmd, err := pluginCommand(ctx, req, "run-plugin", append([]string{directory}, req.GetArgs()...))
	if err != nil {
		return err
	}
	cmd.Dir = req.GetPwd()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd.Run()
}

// runPolicyPack gives the pack what packs of this SDK expect at their start: their own folder as working directory, and
// the stack's configuration in the environment. The engine sends that configuration as a request to a running pack, so
// a proxy takes the request first and then hands everything on.
func runPolicyPack(ctx context.Context, req *pulumirpc.RunPluginRequest, stdout, stderr io.Writer) error {
	directory := req.GetInfo().GetProgramDirectory()
	cmd, err := pluginCommand(ctx, req, "run-policy-pack", append(append([]string{}, req.GetArgs()...), directory))
	if err != nil {
		return err
	}
	proxy, proxied, err := sdk.NewPolicyProxy(ctx, stdout)
	if err != nil {
		return fmt.Errorf("cannot start the policy pack's proxy: %w", err)
	}
	stack, err := proxy.AwaitConfiguration(ctx)
	if err != nil {
		return fmt.Errorf("the engine sent the policy pack no stack configuration: %w", err)
	}
	if stack != nil {
		env, err := policyEnvironment(stack)
		if err != nil {
			return err
		}
		cmd.Env = append(cmd.Env, env...)
	}
	cmd.Dir = directory
	cmd.Stdout, cmd.Stderr = proxied, stderr
	logging.V(5).Infof("starting %s", cmd)
	if err := cmd.Start(); err != nil {
		return err
	}
	return proxy.Attach(ctx, cmd)
}

func policyEnvironment(stack *pulumirpc.AnalyzerStackConfigureRequest) ([]string, error) {
	var env []string
	add := func(name, value string) {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	add("PULUMI_NODEJS_ORGANIZATION", stack.GetOrganization())
	add("PULUMI_NODEJS_PROJECT", stack.GetProject())
	add("PULUMI_NODEJS_STACK", stack.GetStack())
	add("PULUMI_NODEJS_DRY_RUN", strconv.FormatBool(stack.GetDryRun()))
	if stack.GetConfig() != nil {
		text, err := json.Marshal(stack.GetConfig())
		if err != nil {
			return nil, err
		}
		add("PULUMI_CONFIG", string(text))
	}
	return env, nil
}

func pluginCommand(
	ctx context.Context, req *pulumirpc.RunPluginRequest, script string, args []string,
) (*exec.Cmd, error) {
	directory := req.GetInfo().GetProgramDirectory()
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errNoNode(err)
	}
	path, err := sdkScript(directory, script, "npm install in "+directory)
	if err != nil {
		return nil, err
	}
	opts, err := optionsOf(req.GetInfo())
	if err != nil {
		return nil, err
	}
	all := append([]string{path}, opts.nodeArgs...)
	cmd := exec.CommandContext(ctx, node, append(all, args...)...)
	cmd.Env = append(append([]string{}, req.GetEnv()...), opts.environment()...)
	return cmd, nil
}
