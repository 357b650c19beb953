package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	"github.com/pulumi/pulumi/sdk/v3/nodejs/npm"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// host answers the engine's questions about a Node.js program; program.go and plugin.go start node.
type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	tracing string
	// Done when the engine cancels the operation or the host is interrupted.
	running context.Context
	cancel  context.CancelFunc

	mutex         sync.Mutex
	engineAddress string
}

func newHost(ctx context.Context, engineAddress, tracing string) *host {
	running, cancel := context.WithCancel(ctx)
	return &host{engineAddress: engineAddress, tracing: tracing, running: running, cancel: cancel}
}

func (h *host) Handshake(
	_ context.Context, req *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.engineAddress = req.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) engine() string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.engineAddress
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	h.cancel()
	return &emptypb.Empty{}, nil
}

func (h *host) GetRequiredPackages(
	_ context.Context, req *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	return &pulumirpc.GetRequiredPackagesResponse{Packages: pluginsOf(req.GetInfo().GetProgramDirectory())}, nil
}

func (h *host) InstallDependencies(
	req *pulumirpc.InstallDependenciesRequest,
	server grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	closer, stdout, stderr, err := rpcutil.MakeInstallDependenciesStreams(server, req.GetIsTerminal())
	if err != nil {
		return err
	}
	defer func() { _ = closer.Close() }()

	opts, err := optionsOf(req.GetInfo())
	if err != nil {
		return err
	}
	directory := req.GetInfo().GetProgramDirectory()
	if root, err := npm.FindWorkspaceRoot(directory); err == nil {
		directory = root
	}
	fmt.Fprint(stdout, "Installing dependencies...\n\n")
	name, err := npm.Install(server.Context(), opts.packageManager, directory, req.GetIsPlugin(), stdout, stderr)
	if err != nil {
		return fmt.Errorf("%s install failed in %s: %w", name, directory, err)
	}
	fmt.Fprint(stdout, "Finished installing dependencies\n\n")
	return nil
}

func (h *host) GetProgramDependencies(
	ctx context.Context, req *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	opts, err := optionsOf(req.GetInfo())
	if err != nil {
		return nil, err
	}
	directory := req.GetInfo().GetProgramDirectory()
	manager, err := npm.ResolvePackageManager(opts.packageManager, directory)
	if err != nil {
		return nil, fmt.Errorf("cannot tell which package manager %s uses: %w", directory, err)
	}
	packages, err := manager.ListPackages(ctx, directory, req.GetTransitiveDependencies())
	if err != nil {
		return nil, fmt.Errorf("cannot list the packages of %s: %w", directory, err)
	}
	response := &pulumirpc.GetProgramDependenciesResponse{}
	for _, pkg := range packages {
		response.Dependencies = append(response.Dependencies,
			&pulumirpc.DependencyInfo{Name: pkg.Name, Version: pkg.Version})
	}
	return response, nil
}

// About leaves out the versions that it cannot ask for: the caller prints what there is.
func (h *host) About(ctx context.Context, req *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, errNoNode(err)
	}
	response := &pulumirpc.AboutResponse{Executable: node, Metadata: map[string]string{}}
	if out, err := exec.CommandContext(ctx, node, "--version").Output(); err == nil {
		response.Version = strings.TrimSpace(string(out))
	}
	opts, err := optionsOf(req.GetInfo())
	if err != nil {
		return nil, err
	}
	if manager, err := npm.ResolvePackageManager(opts.packageManager, req.GetInfo().GetProgramDirectory()); err == nil {
		response.Metadata["packagemanager"] = manager.Name()
		if v, err := manager.Version(); err == nil {
			response.Metadata["packagemanagerVersion"] = v.String()
		}
	}
	return response, nil
}

func (h *host) RuntimeOptionsPrompts(
	context.Context, *pulumirpc.RuntimeOptionsRequest,
) (*pulumirpc.RuntimeOptionsResponse, error) {
	return &pulumirpc.RuntimeOptionsResponse{}, nil
}

func (h *host) Template(context.Context, *pulumirpc.TemplateRequest) (*pulumirpc.TemplateResponse, error) {
	return &pulumirpc.TemplateResponse{}, nil
}

func (h *host) GenerateProgram(
	context.Context, *pulumirpc.GenerateProgramRequest,
) (*pulumirpc.GenerateProgramResponse, error) {
	return nil, errLeftOut("generating a program (pulumi convert, pulumi import)")
}

func (h *host) GenerateProject(
	context.Context, *pulumirpc.GenerateProjectRequest,
) (*pulumirpc.GenerateProjectResponse, error) {
	return nil, errLeftOut("generating a project (pulumi convert)")
}

func (h *host) GeneratePackage(
	context.Context, *pulumirpc.GeneratePackageRequest,
) (*pulumirpc.GeneratePackageResponse, error) {
	return nil, errLeftOut("generating an SDK (pulumi package add, pulumi package gen-sdk)")
}

func (h *host) Pack(context.Context, *pulumirpc.PackRequest) (*pulumirpc.PackResponse, error) {
	return nil, errLeftOut("packing an SDK (pulumi package pack-sdk)")
}

func (h *host) Link(context.Context, *pulumirpc.LinkRequest) (*pulumirpc.LinkResponse, error) {
	return nil, errLeftOut("linking a local SDK (pulumi package add)")
}

func errLeftOut(what string) error {
	return status.Errorf(codes.Unimplemented, "%s needs the official Node.js language host of Pulumi %s: "+
		"this one, built from source because the official could not be downloaded, runs programs, plugins and "+
		"policy packs only", what, version.Version)
}

func errNoNode(err error) error {
	return fmt.Errorf("node is not on the PATH: install Node.js or put its folder on the PATH (%w)", err)
}
