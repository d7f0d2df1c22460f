// Package kafkax makes Kafka clients whose every wait is bounded. It is the only
// platform package that imports the driver.
//
// It goes around what the driver (segmentio/kafka-go v0.4.51, as tried against Kafka 4.4)
// does by default: its Writer sends what follows a batch that failed, which would put a
// key's messages out of order, so that [Client.Produce] sends one batch and says what
// became of it; its group reader stalls for 27 s after a broker's death and 5 s at the
// first join, so that [NewGroup] sets shorter times and looks for the coordinator first.
package kafkax

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

// Options say where the cluster is and how long to wait for it. Zero fields take the
// default named beside them.
type Options struct {
	// Brokers are host:port of one broker or more; the others are found through them.
	Brokers []string
	// ClientID is what brokers log and account for; "tollgate".
	ClientID string
	// DialTimeout bounds connecting to one broker; 3 s.
	DialTimeout time.Duration
	// Timeout bounds one request; 10 s. A context's earlier end wins.
	Timeout time.Duration
}

// Client talks to a cluster. It connects when it is first used, so that Kafka may be
// absent at the start; [Client.Ping] tells. It is safe for concurrent use. Close it when
// done.
type Client struct {
	opts      Options
	client    *kafka.Client
	transport *kafka.Transport
	dialer    *kafka.Dialer
	cancel    context.CancelFunc
}

// Open makes a client.
func Open(o Options) (*Client, error) {
	if len(o.Brokers) == 0 {
		return nil, errors.New("kafka: no broker is given")
	}
	for _, b := range o.Brokers {
		if _, _, err := net.SplitHostPort(b); err != nil {
			return nil, fmt.Errorf("kafka: the broker %q is no host:port", b)
		}
	}
	o.Brokers = slices.Clone(o.Brokers)
	o.DialTimeout = cmp.Or(o.DialTimeout, 3*time.Second)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	if o.ClientID == "" {
		o.ClientID = "tollgate"
	}
	background, cancel := context.WithCancel(context.Background())
	dialer := &kafka.Dialer{ClientID: o.ClientID, Timeout: o.DialTimeout, DualStack: true}
	transport := &kafka.Transport{
		Dial:        (&net.Dialer{Timeout: o.DialTimeout}).DialContext,
		DialTimeout: o.DialTimeout, ClientID: o.ClientID, Context: background,
		// Known leaders are looked at again this often; an error makes the next request look at once.
		MetadataTTL: 5 * time.Second,
	}
	return &Client{
		opts: o, transport: transport, dialer: dialer, cancel: cancel,
		client: &kafka.Client{Addr: kafka.TCP(o.Brokers...), Timeout: o.Timeout, Transport: transport},
	}, nil
}

// Brokers are the addresses that the client was opened with, commas between.
func (c *Client) Brokers() string { return strings.Join(c.opts.Brokers, ",") }

// Close ends all connections.
func (c *Client) Close() error {
	c.transport.CloseIdleConnections()
	c.cancel()
	return nil
}

// Ping reports whether a broker answers: the first that does is enough.
func (c *Client) Ping(ctx context.Context) error {
	var all error
	for _, broker := range c.opts.Brokers {
		err := c.ping(ctx, broker)
		if err == nil {
			return nil
		}
		all = errors.Join(all, fmt.Errorf("broker %s: %w", broker, err))
	}
	return fmt.Errorf("kafka: %w", all)
}

func (c *Client) ping(ctx context.Context, broker string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.DialTimeout)
	defer cancel()
	conn, err := c.dialer.DialContext(ctx, "tcp", broker)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	_, err = conn.Brokers()
	return err
}
