package remote

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	provider "github.com/pulumi/pulumi-go-provider"
	"github.com/pulumi/pulumi-go-provider/infer"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/retry"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

const (
	defaultUser = "root"
	defaultPort = 22
	// defaultDialErrorLimit is the number of failed attempts after which one more is made.
	defaultDialErrorLimit = 10
	// defaultPerDialTimeout is in seconds.
	defaultPerDialTimeout = 15
	// unlimited as dialErrorLimit means: try for ever.
	unlimited = -1
)

// Connection says how to reach a machine, directly or through another one.
type Connection struct {
	Endpoint
	Proxy *ProxyConnection `pulumi:"proxy,optional"`
}

// ProxyConnection says how to reach the machine in between.
type ProxyConnection struct {
	Endpoint
}

// Endpoint is one SSH server, and who logs in to it.
type Endpoint struct {
	User               *string  `pulumi:"user,optional"`
	Password           *string  `pulumi:"password,optional" provider:"secret"`
	Host               *string  `pulumi:"host"`
	Port               *float64 `pulumi:"port,optional"`
	PrivateKey         *string  `pulumi:"privateKey,optional" provider:"secret"`
	PrivateKeyPassword *string  `pulumi:"privateKeyPassword,optional" provider:"secret"`
	AgentSocketPath    *string  `pulumi:"agentSocketPath,optional"`
	DialErrorLimit     *int     `pulumi:"dialErrorLimit,optional"`
	PerDialTimeout     *int     `pulumi:"perDialTimeout,optional"`
	HostKey            *string  `pulumi:"hostKey,optional"`
}

// Annotate describes the connection in the schema.
func (c *Connection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach a machine over SSH.")
	a.Describe(&c.Proxy, "A machine to go through.")
}

// Annotate describes the connection in the schema.
func (c *ProxyConnection) Annotate(a infer.Annotator) {
	a.Describe(&c, "How to reach the machine that leads to another one.")
}

// Annotate describes the endpoint in the schema and gives its defaults.
func (e *Endpoint) Annotate(a infer.Annotator) {
	a.Describe(&e.User, "Who logs in.")
	a.SetDefault(&e.User, defaultUser)
	a.Describe(&e.Password, "The user's password, tried after the private key.")
	a.Describe(&e.Host, "Name or address of the machine.")
	a.Describe(&e.Port, "Port of its SSH server.")
	a.SetDefault(&e.Port, defaultPort)
	a.Describe(&e.PrivateKey, "The text of a private key, tried before the password.")
	a.Describe(&e.PrivateKeyPassword, "What the private key is encrypted with.")
	a.Describe(&e.AgentSocketPath, "Socket of an SSH agent. The environment's SSH_AUTH_SOCK if unset.")
	a.Describe(&e.DialErrorLimit, "How many failed attempts are followed by another one; -1 means all of them.")
	a.SetDefault(&e.DialErrorLimit, defaultDialErrorLimit)
	a.Describe(&e.PerDialTimeout, "Seconds an attempt may take to connect; 0 sets no limit.")
	a.SetDefault(&e.PerDialTimeout, defaultPerDialTimeout)
	a.Describe(&e.HostKey, "The server's public key, as a line of authorized_keys. Any server is trusted if unset.")
}

// dial connects and logs in, again and again as far as the limits go.
func (c *Connection) dial(ctx context.Context) (*ssh.Client, error) {
	config, err := c.clientConfig()
	if err != nil {
		return nil, err
	}
	if c.Proxy != nil {
		client, err := c.dialThroughProxy(ctx, config)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		return client, nil
	}
	return persist(ctx, "Dial", c.dialErrorLimit(), func() (*ssh.Client, error) {
		return ssh.Dial("tcp", c.address(), config)
	})
}

func (c *Connection) dialThroughProxy(ctx context.Context, config *ssh.ClientConfig) (*ssh.Client, error) {
	proxyConfig, err := c.Proxy.clientConfig()
	if err != nil {
		return nil, err
	}
	proxy, err := persist(ctx, "Dial proxy", c.Proxy.dialErrorLimit(), func() (*ssh.Client, error) {
		return ssh.Dial("tcp", c.Proxy.address(), proxyConfig)
	})
	if err != nil {
		return nil, err
	}
	tunnel, err := persist(ctx, "Dial from proxy", c.dialErrorLimit(), func() (net.Conn, error) {
		return proxy.Dial("tcp", c.address())
	})
	if err != nil {
		return nil, err
	}
	// A failed handshake closes the tunnel, so that the attempts after the first one cannot succeed. Kept as the official
	// plugin has it: the error text tells.
	return persist(ctx, "Dial", c.dialErrorLimit(), func() (*ssh.Client, error) {
		connection, channels, requests, err := ssh.NewClientConn(tunnel, c.address(), config)
		if err != nil {
			return nil, err
		}
		return ssh.NewClient(connection, channels, requests), nil
	})
}

// persist repeats an attempt, with growing pauses, until it succeeds, has failed more often than the limit allows, or
// the context ends. Each failure that is followed by another attempt is shown.
func persist[T any](ctx context.Context, what string, limit int, attempt func() (T, error)) (T, error) {
	var none T
	ok, result, err := retry.Until(ctx, retry.Acceptor{
		Accept: func(failedBefore int, _ time.Duration) (bool, any, error) {
			result, err := attempt()
			if err == nil {
				return true, result, nil
			}
			failed := failedBefore + 1
			if limit > unlimited && failed > limit {
				return true, nil, fmt.Errorf("after %d failed attempts: %w", failedBefore, err)
			}
			shownLimit := "inf"
			if limit != unlimited {
				shownLimit = strconv.Itoa(limit)
			}
			provider.GetLogger(ctx).InfoStatusf("%s %d/%s failed: retrying", what, failed, shownLimit)
			return false, nil, nil
		},
	})
	switch {
	case err != nil:
		return none, err
	case !ok:
		return none, ctx.Err()
	}
	return result.(T), nil
}

// clientConfig says who logs in, by which means, and which server is trusted. The order of the means is the order in
// which they are tried: private key, password, agent.
func (e *Endpoint) clientConfig() (*ssh.ClientConfig, error) {
	config := &ssh.ClientConfig{
		User:            *e.User,
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
		Timeout:         time.Duration(*e.PerDialTimeout) * time.Second,
	}
	if e.HostKey != nil {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
		if err != nil {
			return nil, fmt.Errorf("failed to parse host key: %w", err)
		}
		config.HostKeyCallback = ssh.FixedHostKey(key)
		config.HostKeyAlgorithms = []string{key.Type()}
	}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		config.Auth = append(config.Auth, ssh.Password(*e.Password), ssh.KeyboardInteractive(e.answerAll))
	}
	socket := e.AgentSocketPath
	if socket == nil {
		socket = defaultAgentSocket()
	}
	if socket != nil {
		connection, err := dialAgent(*socket)
		if err != nil {
			return nil, err
		}
		config.Auth = append(config.Auth, ssh.PublicKeysCallback(agent.NewClient(connection).Signers))
	}
	return config, nil
}

func (e *Endpoint) signer() (ssh.Signer, error) {
	if e.PrivateKeyPassword != nil {
		return ssh.ParsePrivateKeyWithPassphrase([]byte(*e.PrivateKey), []byte(*e.PrivateKeyPassword))
	}
	return ssh.ParsePrivateKey([]byte(*e.PrivateKey))
}

// answerAll answers whatever a keyboard-interactive server asks with the password.
func (e *Endpoint) answerAll(_, _ string, questions []string, _ []bool) ([]string, error) {
	answers := make([]string, len(questions))
	for i := range answers {
		answers[i] = *e.Password
	}
	return answers, nil
}

func (e *Endpoint) address() string {
	return net.JoinHostPort(*e.Host, strconv.Itoa(int(*e.Port)))
}

func (e *Endpoint) dialErrorLimit() int {
	if e.DialErrorLimit == nil {
		return defaultDialErrorLimit
	}
	return *e.DialErrorLimit
}
