package local

import (
	"context"

	"github.com/pulumi/pulumi-go-provider/infer"
)

// Run is the function `command:local:run`.
type Run struct{}

var (
	_ infer.Annotated                 = (*Run)(nil)
	_ infer.Fn[RunInputs, RunOutputs] = (*Run)(nil)
)

// RunInputs is what the user gives.
type RunInputs struct {
	Process
	Command string `pulumi:"command"`
}

// RunOutputs is the answer: the inputs and what came of them.
type RunOutputs struct {
	RunInputs
	Result
}

// Annotate describes the function in the schema.
func (r *Run) Annotate(a infer.Annotator) {
	a.Describe(&r, "Runs a command on this machine at once, at each preview as well as at each update.")
}

// Annotate describes the function's own input in the schema.
func (r *RunInputs) Annotate(a infer.Annotator) {
	a.Describe(&r.Command, "What to run.")
}

// Invoke runs the command.
func (*Run) Invoke(
	ctx context.Context, request infer.FunctionRequest[RunInputs],
) (infer.FunctionResponse[RunOutputs], error) {
	answer := RunOutputs{RunInputs: request.Input}
	err := answer.Process.run(ctx, answer.Command, &answer.Result)
	return infer.FunctionResponse[RunOutputs]{Output: answer}, err
}
