package capture

import "github.com/pulumi/pulumi-go-provider/infer"

// The choices of a resource's `logging` input: which streams are shown while the command runs.
const (
	onlyStdout = "stdout"
	onlyStderr = "stderr"
	both       = "stdoutAndStderr"
	neither    = "none"
)

// LoggingValues lists the choices of `logging` for an enumeration type. The schema names an enumeration after the
// package it is declared in, so the local and the remote module each have a type of their own.
func LoggingValues[L ~string]() []infer.EnumValue[L] {
	return []infer.EnumValue[L]{
		{Name: onlyStdout, Value: onlyStdout, Description: "Show standard output only"},
		{Name: onlyStderr, Value: onlyStderr, Description: "Show standard error only"},
		{Name: both, Value: both, Description: "Show both streams"},
		{Name: neither, Value: neither, Description: "Show nothing"},
	}
}

// Shown tells which streams a choice of `logging` shows. Unset means both.
func Shown[L ~string](logging *L) (stdout, stderr bool) {
	if logging == nil {
		return true, true
	}
	choice := string(*logging)
	return choice == onlyStdout || choice == both, choice == onlyStderr || choice == both
}
