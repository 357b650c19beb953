// Package local is the module `command:local`: commands that run on the machine the provider runs on.
package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"twisterlab-edge/toolchain/command/lifecycle"
)

// Command is the resource `command:local:Command`.
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
	Process
}

// CommandOutputs is what is kept in the state.
type CommandOutputs struct {
	CommandInputs
	Result
}

// Annotate describes the resource in the schema.
func (c *Command) Annotate(a infer.Annotator) {
	a.Describe(&c, "A command on this machine, run as part of a resource's life: create, update, delete.")
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
	state := CommandOutputs{CommandInputs: request.Inputs, Result: request.State.Result}
	var err error
	if !request.DryRun {
		err = state.run(ctx, state.ForUpdate())
	}
	return infer.UpdateResponse[CommandOutputs]{Output: state}, err
}

// Delete runs the `delete` script of the state.
func (*Command) Delete(
	ctx context.Context, request infer.DeleteRequest[CommandOutputs],
) (infer.DeleteResponse, error) {
	return infer.DeleteResponse{}, request.State.run(ctx, request.State.Delete)
}

func (o *CommandOutputs) run(ctx context.Context, script *string) error {
	if script == nil {
		return nil
	}
	return o.Process.run(ctx, *script, &o.Result)
}
