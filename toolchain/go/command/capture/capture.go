// Package capture keeps what a command prints, and shows it to the user while it is being printed.
package capture

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	provider "github.com/pulumi/pulumi-go-provider"
)

// Output collects both streams of one command.
type Output struct {
	stdout, stderr bytes.Buffer
	// interleaved has both streams in the order in which they arrived, for the error text.
	interleaved lockedBuffer

	live      *io.PipeWriter
	liveEnded chan struct{}

	showStdout, showStderr bool
}

// Start begins a capture. The streams asked for are sent to the engine line by line as transient status messages, until
// Close.
//
// A shown line of 64 KiB or more stops the command for ever: nobody reads the stream any more, and the command blocks
// on it. The official plugin does the same, and a program must not depend on which of the two it runs on.
func Start(ctx context.Context, showStdout, showStderr bool) *Output {
	reader, writer := io.Pipe()
	output := &Output{
		live: writer, liveEnded: make(chan struct{}), showStdout: showStdout, showStderr: showStderr,
	}
	go func() {
		defer close(output.liveEnded)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			provider.GetLogger(ctx).InfoStatus(lines.Text())
		}
	}()
	return output
}

// Stdout is where the command's standard output goes.
func (o *Output) Stdout() io.Writer { return o.tee(&o.stdout, o.showStdout) }

// Stderr is where the command's standard error goes.
func (o *Output) Stderr() io.Writer { return o.tee(&o.stderr, o.showStderr) }

// Close waits until every line has been shown. To be called when the command has ended.
func (o *Output) Close() {
	_ = o.live.Close()
	<-o.liveEnded
}

// Text is what the command printed on each stream, less one trailing newline.
func (o *Output) Text() (stdout, stderr string) {
	return strings.TrimSuffix(o.stdout.String(), "\n"), strings.TrimSuffix(o.stderr.String(), "\n")
}

// Failure wraps the error of a command that failed. Its text quotes the whole command and everything it printed,
// whatever is shown while it runs.
func (o *Output) Failure(err error, command string) error {
	return fmt.Errorf("%w: running %q:\n%s", err, command, o.interleaved.buffer.String())
}

func (o *Output) tee(own io.Writer, show bool) io.Writer {
	if show {
		return io.MultiWriter(own, &o.interleaved, o.live)
	}
	return io.MultiWriter(own, &o.interleaved)
}

// lockedBuffer is a buffer that two streams can be written to at once.
type lockedBuffer struct {
	mutex  sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.buffer.Write(p)
}
