// Command pulumi-resource-command is a stand-in for the Pulumi `command` provider, for machines that cannot download
// the official plugin. It speaks the same protocol, has the same schema and behaves the same, down to the failure
// texts, so that a program cannot tell which of the two it runs on.
package main

import (
	"context"
	"fmt"
	"os"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi-go-provider/middleware/schema"

	"twisterlab-edge/toolchain/command/local"
	"twisterlab-edge/toolchain/command/remote"
)

// version is the release of the official plugin this one stands in for. The engine asks the plugin for it, and the
// Node.js package of the same version asks the engine for it.
const version = "1.2.1"

func main() {
	if err := newProvider().Run(context.Background(), "command", version); err != nil {
		fmt.Fprintf(os.Stderr, "Error: %s", err.Error())
		os.Exit(1)
	}
}

func newProvider() provider.Provider {
	return infer.Provider(infer.Options{
		Metadata: schema.Metadata{
			DisplayName: "Command",
			Description: "Stand-in for the Command provider: scripts and file copies, here or over SSH, as resources.",
			Keywords:    []string{"category/utility", "kind/native"},
			LanguageMap: map[string]any{"nodejs": map[string]any{"respectSchemaVersion": true}},
		},
		Resources: []infer.InferredResource{
			infer.Resource(&local.Command{}),
			infer.Resource(&remote.Command{}),
			infer.Resource(&remote.CopyToRemote{}),
			infer.Resource(&remote.CopyFile{}),
		},
		Functions: []infer.InferredFunction{
			infer.Function(&local.Run{}),
		},
	})
}
