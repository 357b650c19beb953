// Package lifecycle holds what the two Command resources, local and remote, have in common.
package lifecycle

import "github.com/pulumi/pulumi-go-provider/infer"

// Scripts says what a Command runs at each step of its life, and what replaces it.
type Scripts struct {
	Triggers *[]any  `pulumi:"triggers,optional" provider:"replaceOnChanges"`
	Create   *string `pulumi:"create,optional"`
	Update   *string `pulumi:"update,optional"`
	Delete   *string `pulumi:"delete,optional"`
}

// Annotate describes the scripts in the schema.
func (s *Scripts) Annotate(a infer.Annotator) {
	a.Describe(&s.Triggers, "Values of any type. A change in one of them replaces the resource.")
	a.Describe(&s.Create, "Runs when the resource is created, and on any later change of an input if `update` is unset.")
	a.Describe(&s.Update, "Runs instead of `create` when an input of the existing resource has changed.")
	a.Describe(&s.Delete, "Runs when the resource is deleted or replaced; taken from the state, not from the program.")
}

// ForUpdate is the script to run when an existing resource has changed, nil when there is none.
func (s *Scripts) ForUpdate() *string {
	if s.Update != nil {
		return s.Update
	}
	return s.Create
}

// Environment variables in which a script finds what the one before it printed.
const (
	PreviousStdout = "PULUMI_COMMAND_STDOUT"
	PreviousStderr = "PULUMI_COMMAND_STDERR"
)
