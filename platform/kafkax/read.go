package kafkax

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"tollgate.dev/platform/clock"
)

// maxFetch bounds what one answer of a broker holds, in bytes.
const maxFetch = 4 << 20

// ReadRange calls each with the messages of one partition from an offset on, in order,
// until each fails (its error), ctx ends (its error), or, when end is not negative, the
// last message before end was given.
func (c *Client) ReadRange(ctx context.Context, topic string, partition int, from, end int64, each func(Message) error) (err error) {
	if end >= 0 && from >= end {
		return nil
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: c.opts.Brokers, Dialer: c.dialer, Topic: topic, Partition: partition,
		MinBytes: 1, MaxBytes: maxFetch, MaxWait: 250 * time.Millisecond, ReadLagInterval: -1,
	})
	defer func() {
		if cerr := reader.Close(); err == nil {
			err = cerr
		}
	}()
	if err := reader.SetOffset(from); err != nil {
		return fmt.Errorf("kafka: partition %d of topic %s: %w", partition, topic, err)
	}
	for {
		m, err := reader.FetchMessage(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("kafka: reading partition %d of topic %s: %w", partition, topic, err)
		}
		if end >= 0 && m.Offset >= end {
			return nil
		}
		if err := each(message(m)); err != nil {
			return err
		}
		if end >= 0 && m.Offset == end-1 {
			return nil
		}
	}
}

func message(m kafka.Message) Message {
	out := Message{Key: m.Key, Value: m.Value, Partition: m.Partition, Offset: m.Offset, Time: m.Time}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, Header{Name: h.Key, Value: h.Value})
	}
	return out
}

// GroupOptions say what a member of a consumer group reads.
type GroupOptions struct {
	// Group and Topic are their names.
	Group, Topic string
	// FromEnd begins a partition of which the group has committed nothing at its end, not
	// at its beginning.
	FromEnd bool
	// Log takes what the driver meets; default: nothing is logged.
	Log *slog.Logger
}

// Group is a member of a consumer group. Its methods are safe for concurrent use. Close
// it when done: until then, or until its session of 6 s is over, nobody else gets its
// partitions.
type Group struct {
	reader *kafka.Reader
	closed atomic.Bool
}

// A member is missed after session, and looked for every heartbeat. The driver's own 30 s
// let a group stand still for that long after a broker died.
const (
	session   = 6 * time.Second
	heartbeat = time.Second
	joinRetry = 500 * time.Millisecond
)

// NewGroup joins a group. It waits until the group has a coordinator, which a new cluster
// makes at the first question and the driver would wait 5 s for.
func (c *Client) NewGroup(ctx context.Context, o GroupOptions) (*Group, error) {
	if o.Group == "" || o.Topic == "" {
		return nil, errors.New("kafka: a consumer needs a group and a topic")
	}
	for {
		res, err := c.client.FindCoordinator(ctx, &kafka.FindCoordinatorRequest{Key: o.Group, KeyType: kafka.CoordinatorKeyTypeConsumer})
		if err == nil && res.Error == nil {
			break
		}
		if err == nil {
			err = res.Error
		}
		if clock.Sleep(ctx, clock.Real(), 100*time.Millisecond) != nil {
			return nil, fmt.Errorf("kafka: finding the coordinator of group %s: %w", o.Group, err)
		}
	}
	start := kafka.FirstOffset
	if o.FromEnd {
		start = kafka.LastOffset
	}
	config := kafka.ReaderConfig{
		Brokers: c.opts.Brokers, Dialer: c.dialer, GroupID: o.Group, Topic: o.Topic, StartOffset: start,
		MinBytes: 1, MaxBytes: maxFetch, MaxWait: 250 * time.Millisecond, ReadLagInterval: -1, QueueCapacity: 1000,
		SessionTimeout: session, RebalanceTimeout: session, HeartbeatInterval: heartbeat, JoinGroupBackoff: joinRetry,
		WatchPartitionChanges: true,
	}
	if o.Log != nil {
		log, background := o.Log.With("group", o.Group, "topic", o.Topic), context.WithoutCancel(ctx)
		config.ErrorLogger = kafka.LoggerFunc(func(format string, args ...any) {
			log.WarnContext(background, "kafka: reading", "error", fmt.Sprintf(format, args...))
		})
	}
	return &Group{reader: kafka.NewReader(config)}, nil
}

// Fetch returns the next message. It is given again, to this member or another, until it
// or a later one of its partition is committed. Errors: those of ctx; io.EOF after Close, and
// only then, once what was read ahead is given; what kept it from the group, which it goes on
// to join.
func (g *Group) Fetch(ctx context.Context) (Message, error) {
	m, err := g.reader.FetchMessage(ctx)
	if errors.Is(err, io.EOF) && !g.closed.Load() {
		// A broker that dies while the group is joined ends its connection, and the driver
		// passes that on as it is. Who takes it for the end never reads again.
		err = fmt.Errorf("kafka: joining the group: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return Message{}, err
	}
	return message(m), nil
}

// Commit tells the group that messages, and all before them in their partitions, are
// done. It is no error when a partition has gone to another member.
func (g *Group) Commit(ctx context.Context, messages ...Message) error {
	out := make([]kafka.Message, len(messages))
	for i, m := range messages {
		out[i] = kafka.Message{Topic: g.reader.Config().Topic, Partition: m.Partition, Offset: m.Offset}
	}
	if err := g.reader.CommitMessages(ctx, out...); err != nil {
		return fmt.Errorf("kafka: committing: %w", err)
	}
	return nil
}

// Close leaves the group.
func (g *Group) Close() error {
	g.closed.Store(true)
	if err := g.reader.Close(); err != nil {
		return fmt.Errorf("kafka: leaving the group: %w", err)
	}
	return nil
}
