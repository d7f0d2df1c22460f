package kafkax

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"tollgate.dev/platform/clock"
)

// ErrNoTopic says that a topic does not exist.
var ErrNoTopic = errors.New("the topic does not exist")

// Topic is what a topic is made with, when it does not exist.
type Topic struct {
	// Name is the topic's name.
	Name string
	// Partitions is how many there are; the broker's default when 0.
	Partitions int
	// Replicas is how many brokers hold each partition; the broker's default when 0.
	Replicas int
	// Config are topic settings, such as retention.ms.
	Config map[string]string
}

// leaderPoll is how often a new topic's partitions are looked at until each has a leader.
const leaderPoll = 50 * time.Millisecond

// EnsureTopic makes the topic unless it exists, waits until each partition has a leader,
// and returns how many partitions there are. One that exists is left as it is.
func (c *Client) EnsureTopic(ctx context.Context, t Topic) (partitions int, err error) {
	partitions, err = c.Partitions(ctx, t.Name)
	if !errors.Is(err, ErrNoTopic) {
		return partitions, err
	}
	if err := c.createTopic(ctx, t); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	for {
		partitions, err = c.Partitions(ctx, t.Name)
		if err == nil {
			// The brokers name a partition's leader a moment before it takes the lead.
			_, err = c.Ranges(ctx, t.Name)
		}
		if err == nil {
			return partitions, nil
		}
		if clock.Sleep(ctx, clock.Real(), leaderPoll) != nil {
			return 0, fmt.Errorf("kafka: topic %s was made and is not ready: %w", t.Name, err)
		}
	}
}

func (c *Client) createTopic(ctx context.Context, t Topic) error {
	config := kafka.TopicConfig{
		Topic: t.Name, NumPartitions: cmp.Or(t.Partitions, -1), ReplicationFactor: cmp.Or(t.Replicas, -1),
	}
	for _, name := range slices.Sorted(maps.Keys(t.Config)) {
		config.ConfigEntries = append(config.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: t.Config[name]})
	}
	res, err := c.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{config}})
	if err == nil {
		err = res.Errors[t.Name]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) { // another process was faster
		return fmt.Errorf("kafka: making topic %s: %w", t.Name, err)
	}
	return nil
}

// Partitions is how many partitions a topic has. Its errors wrap [ErrNoTopic] when there
// is none; a partition without a leader is an error, too.
func (c *Client) Partitions(ctx context.Context, topic string) (int, error) {
	meta, err := c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		return 0, fmt.Errorf("kafka: reading topic %s: %w", topic, err)
	}
	for _, t := range meta.Topics {
		switch {
		case t.Name != topic:
			continue
		case errors.Is(t.Error, kafka.UnknownTopicOrPartition):
			return 0, fmt.Errorf("kafka: %s: %w", topic, ErrNoTopic)
		case t.Error != nil:
			return 0, fmt.Errorf("kafka: reading topic %s: %w", topic, t.Error)
		}
		for _, p := range t.Partitions {
			if p.Error != nil && !errors.Is(p.Error, kafka.ReplicaNotAvailable) {
				return 0, fmt.Errorf("kafka: partition %d of topic %s: %w", p.ID, topic, p.Error)
			}
		}
		return len(t.Partitions), nil
	}
	return 0, fmt.Errorf("kafka: %s: %w", topic, ErrNoTopic)
}

// DeleteTopic removes a topic; one that does not exist is no error.
func (c *Client) DeleteTopic(ctx context.Context, topic string) error {
	res, err := c.client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err == nil {
		err = res.Errors[topic]
	}
	if err != nil && !errors.Is(err, kafka.UnknownTopicOrPartition) {
		return fmt.Errorf("kafka: removing topic %s: %w", topic, err)
	}
	return nil
}

// Range is the part of a partition that exists: First ≤ offset < End.
type Range struct{ First, End int64 }

// Ranges reads the range of each partition of a topic, by its number.
func (c *Client) Ranges(ctx context.Context, topic string) ([]Range, error) {
	n, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	ask := make([]kafka.OffsetRequest, 0, 2*n)
	for p := range n {
		ask = append(ask, kafka.FirstOffsetOf(p), kafka.LastOffsetOf(p))
	}
	res, err := c.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ask}})
	if err != nil {
		return nil, fmt.Errorf("kafka: reading the offsets of topic %s: %w", topic, err)
	}
	out := make([]Range, n)
	for _, p := range res.Topics[topic] {
		if p.Error != nil {
			return nil, fmt.Errorf("kafka: reading the offsets of partition %d of topic %s: %w", p.Partition, topic, p.Error)
		}
		if p.Partition >= 0 && p.Partition < n {
			out[p.Partition] = Range{First: p.FirstOffset, End: p.LastOffset}
		}
	}
	return out, nil
}
