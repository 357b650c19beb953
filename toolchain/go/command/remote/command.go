// Package remote is the module `command:remote`: commands and file copies on another machine, over SSH.
package remote

import (
	"context"
	"fmt"
	"strings"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"

	"twisterlab-edge/toolchain/command/capture"
	"twisterlab-edge/toolchain/command/lifecycle"
)

// Command is the resource `command:remote:Command`.
type Command struct{}

var (
	_ infer.Annotated                                     = (*Command)(nil)
	_ infer.CustomResource[CommandInputs, CommandOutputs] = (*Command)(nil)
	_ infer.CustomUpdate[CommandInputs, CommandOutputs]   = (*Command)(nil)
	_ infer.CustomDelete[CommandOutputs]                  = (*Command)(nil)
)

// CommandInputs is what the user gives.
type CommandInputs struct {
	lifecycle.Scripts
	Stdin                  *string           `pulumi:"stdin,optional"`
	Logging                *Logging          `pulumi:"logging,optional"`
	Connection             *Connection       `pulumi:"connection" provider:"secret"`
	Environment            map[string]string `pulumi:"environment,optional"`
	AddPreviousOutputInEnv *bool             `pulumi:"addPreviousOutputInEnv,optional"`
}

// CommandOutputs is what is kept in the state.
type CommandOutputs struct {
	CommandInputs
	Printed
}

// Printed is what a command printed.
type Printed struct {
	Stdout string `pulumi:"stdout"`
	Stderr string `pulumi:"stderr"`
}

// Logging is the enumeration `command:remote:Logging`.
type Logging string

// Values lists the enumeration's values for the schema.
func (Logging) Values() []infer.EnumValue[Logging] { return capture.LoggingValues[Logging]() }

// Annotate describes the resource in the schema.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command on another machine, run over SSH as part of a resource's life: create, update, delete.")
}

// Annotate describes the inputs in the schema.
func (i *CommandInputs) Annotate(a infer.Annotator) {
	a.Describe(&i.Stdin, "Text the command reads from its standard input.")
	a.Describe(&i.Logging, "Which streams are shown while the command runs; both if unset. A failure always shows both.")
	a.Describe(&i.Connection, "How to reach the machine.")
	a.Describe(&i.Environment,
		"Variables to set for the command. The SSH server has to allow each of them (AcceptEnv), else the command fails.")
	a.Describe(&i.AddPreviousOutputInEnv, "Whether the command finds what the one before it printed in the variables "+
		lifecycle.PreviousStdout+" and "+lifecycle.PreviousStderr+"; it does if unset. An SSH server that does not allow "+
		"them costs a warning.")
}

// Annotate describes the outputs in the schema.
func (p *Printed) Annotate(a infer.Annotator) {
	a.Describe(&p.Stdout, "What the command printed on standard output, less one trailing newline.")
	a.Describe(&p.Stderr, "What the command printed on standard error, less one trailing newline.")
}

// Create runs the `create` script.
func (*Command) Create(
	ctx context.Context, request infer.CreateRequest[CommandInputs],
) (infer.CreateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: request.Inputs}
	id, err := resource.NewUniqueHex(request.Name, 8, 0)
	if err == nil && !request.DryRun {
		err = state.run(ctx, state.Create)
	}
	return infer.CreateResponse[CommandOutputs]{ID: id, Output: state}, err
}

// Update runs the `update` script, or `create` when there is none.
func (*Command) Update(
	ctx context.Context, request infer.UpdateRequest[CommandInputs, CommandOutputs],
) (infer.UpdateResponse[CommandOutputs], error) {
	state := CommandOutputs{CommandInputs: request.Inputs, Printed: request.State.Printed}
	var err error
	if !request.DryRun {
		err = state.run(ctx, state.ForUpdate())
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs the `delete` script of the state, over the connection of the state.
func (*Command) Delete(
	ctx context.Context, request infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, request.State.run(ctx, request.State.Delete)
}

// run runs a script on the other machine and keeps what it printed. A failure leaves what was printed before.
//
// The connection is not closed: it ends with the provider, as it does with the official plugin, where a server's limit
// on connections is met by a program with many commands.
func (o *CommandOutputs) run(ctx context.Context, script *string) error {
	if script == nil {
		return nil
	}
	client, err := o.Connection.dial(ctx)
	if err != nil {
		return err
	}
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()

	if err := o.setEnvironment(ctx, session); err != nil {
		return err
	}
	if o.Stdin != nil && *o.Stdin != "" {
		session.Stdin = strings.NewReader(*o.Stdin)
	}

	showStdout, showStderr := capture.Shown(o.Logging)
	output := capture.Start(ctx, showStdout, showStderr)
	session.Stdout, session.Stderr = output.Stdout(), output.Stderr()
	err = session.Run(*script)
	output.Close()
	if err != nil {
		return output.Failure(err, *script)
	}
	o.Stdout, o.Stderr = output.Text()
	return nil
}

// setEnvironment sets the user's variables, each of which the server must accept, and then the output of the command
// before, which it may refuse.
func (o *CommandOutputs) setEnvironment(ctx context.Context, session *ssh.Session) error {
	log := provider.GetLogger(ctx)
	for name, value := range o.Environment {
		if err := session.Setenv(name, value); err != nil {
			log.Error(environmentRefused(name))
			return fmt.Errorf("could not set environment variable %q: %w", name, err)
		}
	}
	if o.AddPreviousOutputInEnv != nil && !*o.AddPreviousOutputInEnv {
		return nil
	}
	for _, previous := range []struct{ name, value string }{
		{lifecycle.PreviousStdout, o.Stdout},
		{lifecycle.PreviousStderr, o.Stderr},
	} {
		if previous.value == "" {
			continue
		}
		if err := session.Setenv(previous.name, previous.value); err != nil {
			log.Warning(environmentRefused(previous.name))
		}
	}
	return nil
}

// environmentRefused is, to the letter, what the official plugin logs: the text is part of the protocol here.
func environmentRefused(name string) string {
	return fmt.Sprintf("Unable to set '%s'. This only works if your SSH server is configured to accept\n"+
		"\tthese variables via AcceptEnv. Alternatively, if a Bash-like shell runs the command on the remote host, you could\n"+
		"\tprefix the command itself with the variables in the form 'VAR=value command'", name)
}
