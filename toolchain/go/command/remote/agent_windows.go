package remote

import (
	"net"
	"time"

	"github.com/Microsoft/go-winio"
)

// defaultAgentSocket is the pipe of Windows' own OpenSSH agent; nil when that agent is not running.
func defaultAgentSocket() *string {
	pipe := `\\.\pipe\openssh-ssh-agent`
	timeout := 100 * time.Millisecond
	connection, err := winio.DialPipe(pipe, &timeout)
	if err != nil {
		return nil
	}
	_ = connection.Close()
	return &pipe
}

func dialAgent(pipe string) (net.Conn, error) {
	return winio.DialPipe(pipe, nil)
}
