package local

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/infer/types"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"twisterlab-edge/toolchain/command/capture"
	"twisterlab-edge/toolchain/command/lifecycle"
)

// Process says how a command is started and what is collected after it.
type Process struct {
	Stdin                  *string            `pulumi:"stdin,optional"`
	Logging                *Logging           `pulumi:"logging,optional"`
	Interpreter            *[]string          `pulumi:"interpreter,optional"`
	Dir                    *string            `pulumi:"dir,optional"`
	Environment            *map[string]string `pulumi:"environment,optional"`
	AssetPaths             *[]string          `pulumi:"assetPaths,optional"`
	ArchivePaths           *[]string          `pulumi:"archivePaths,optional"`
	AddPreviousOutputInEnv *bool              `pulumi:"addPreviousOutputInEnv,optional"`
}

// Result is what came of a command.
type Result struct {
	Stdout  string                            `pulumi:"stdout"`
	Stderr  string                            `pulumi:"stderr"`
	Assets  *map[string]*types.AssetOrArchive `pulumi:"assets,optional"`
	Archive *resource.Archive                 `pulumi:"archive,optional"`
}

// Logging is the enumeration `command:local:Logging`.
type Logging string

// Values lists the enumeration's values for the schema.
func (Logging) Values() []infer.EnumValue[Logging] { return capture.LoggingValues[Logging]() }

// Annotate describes the inputs in the schema.
func (p *Process) Annotate(a infer.Annotator) {
	const patterns = "Patterns use `/` on every system, `*` stops at `/` and `**` does not, a leading `!` takes files " +
		"out again, and later patterns win. Only files match, named relative to `dir`."
	a.Describe(&p.Stdin, "Text the command reads from its standard input.")
	a.Describe(&p.Logging, "Which streams are shown while the command runs; both if unset. A failure always shows both.")
	a.Describe(&p.Interpreter,
		"The program and its arguments that get the command as last argument: `/bin/sh -c`, on Windows `cmd /C`.")
	a.Describe(&p.Dir, "The folder the command runs in; it has to exist. The provider's own if unset.")
	a.Describe(&p.Environment, "Variables added to the provider's own environment.")
	a.Describe(&p.AssetPaths, "Files to return as assets when the command has ended. "+patterns)
	a.Describe(&p.ArchivePaths, "Files to return as one archive when the command has ended. "+patterns)
	a.Describe(&p.AddPreviousOutputInEnv, "Whether the command finds what the one before it printed in the variables "+
		lifecycle.PreviousStdout+" and "+lifecycle.PreviousStderr+"; it does if unset.")
}

// Annotate describes the outputs in the schema.
func (r *Result) Annotate(a infer.Annotator) {
	a.Describe(&r.Stdout, "What the command printed on standard output, less one trailing newline.")
	a.Describe(&r.Stderr, "What the command printed on standard error, less one trailing newline.")
	a.Describe(&r.Assets, "The files that `assetPaths` matched, by path relative to `dir`.")
	a.Describe(&r.Archive, "The files that `archivePaths` matched.")
}

// run runs a command and puts what came of it into result, which comes in with what the command before it left there.
// A failure leaves result as it was.
func (p *Process) run(ctx context.Context, command string, result *Result) error {
	arguments := append(p.interpreter(), command)
	process := exec.CommandContext(ctx, arguments[0], arguments[1:]...)

	folder, err := p.folder()
	if err != nil {
		return err
	}
	process.Dir = folder
	process.Env = p.environment(result)
	if p.Stdin != nil && *p.Stdin != "" {
		process.Stdin = strings.NewReader(*p.Stdin)
	}

	showStdout, showStderr := capture.Shown(p.Logging)
	output := capture.Start(ctx, showStdout, showStderr)
	process.Stdout, process.Stderr = output.Stdout(), output.Stderr()
	err = process.Run()
	output.Close()
	if err != nil {
		return output.Failure(err, command)
	}

	if p.AssetPaths != nil {
		assets, err := findAssets(folder, *p.AssetPaths)
		if err != nil {
			return err
		}
		result.Assets = &assets
	}
	if p.ArchivePaths != nil {
		if result.Archive, err = findArchive(folder, *p.ArchivePaths); err != nil {
			return err
		}
	}
	result.Stdout, result.Stderr = output.Text()
	return nil
}

func (p *Process) interpreter() []string {
	if p.Interpreter != nil && len(*p.Interpreter) > 0 {
		return append([]string{}, *p.Interpreter...)
	}
	if runtime.GOOS == "windows" {
		return []string{"cmd", "/C"}
	}
	return []string{"/bin/sh", "-c"}
}

func (p *Process) folder() (string, error) {
	if p.Dir != nil {
		return *p.Dir, nil
	}
	return os.Getwd()
}

func (p *Process) environment(previous *Result) []string {
	variables := os.Environ()
	if p.Environment != nil {
		for name, value := range *p.Environment {
			variables = append(variables, name+"="+value)
		}
	}
	if p.AddPreviousOutputInEnv == nil || *p.AddPreviousOutputInEnv {
		if previous.Stdout != "" {
			variables = append(variables, lifecycle.PreviousStdout+"="+previous.Stdout)
		}
		if previous.Stderr != "" {
			variables = append(variables, lifecycle.PreviousStderr+"="+previous.Stderr)
		}
	}
	return variables
}
