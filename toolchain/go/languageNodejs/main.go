// A language host for Node.js programs: the process between the Pulumi engine and node.
//
// It stands in for the official pulumi-language-nodejs, which is published only inside the engine's release archives
// and not as a Go module. It speaks the same protocol (pulumirpc.LanguageRuntime) and starts node with the same
// arguments and environment; what it leaves out (code generation, debugging) it refuses by name.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"google.golang.org/grpc"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/cmdutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/logging"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

func main() {
	tracing := flag.String("tracing", "", "Zipkin-compatible endpoint that the program sends its traces to")
	showVersion := flag.Bool("version", false, "print the version and exit")
	flag.Parse()
	if *showVersion {
		fmt.Println(version.Version)
		return
	}
	logging.InitLogging(false, 0, false)
	if err := serve(flag.Arg(0), *tracing); err != nil {
		cmdutil.Exit(err)
	}
}

// serve answers the engine until it interrupts us or is gone. The engine reads the port from the first line of stdout.
func serve(engineAddress, tracing string) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	cancel := make(chan bool)
	go func() {
		<-interrupted.Done()
		// A second interrupt ends the process at once.
		stop()
		close(cancel)
	}()

	host := newHost(interrupted, engineAddress, tracing)
	if engineAddress != "" {
		if err := rpcutil.Healthcheck(interrupted, engineAddress, 5*time.Minute, stop); err != nil {
			return fmt.Errorf("the engine at %s does not answer: %w", engineAddress, err)
		}
	}
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
			return nil
		},
		Options: rpcutil.TracingServerInterceptorOptions(nil),
	})
	if err != nil {
		return fmt.Errorf("cannot start the language host's server: %w", err)
	}
	fmt.Printf("%d\n", handle.Port)
	return <-handle.Done
}
