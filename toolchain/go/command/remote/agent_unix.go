//go:build !windows

package remote

import (
	"net"
	"os"
)

// defaultAgentSocket is the agent to ask when the connection names none; nil when the environment has none either.
func defaultAgentSocket() *string {
	if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" {
		return &socket
	}
	return nil
}

func dialAgent(socket string) (net.Conn, error) {
	return net.Dial("unix", socket)
}
