package kafkax

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// Message is one message of a topic.
type Message struct {
	Key, Value []byte
	Headers    []Header
	// Partition, Offset and Time are where and when it stands; set by readers.
	Partition int
	Offset    int64
	Time      time.Time
}

// Header is a named value beside a message.
type Header struct {
	Name  string
	Value []byte
}

// PartitionOf is the partition that a key belongs to, of n: that of Kafka's own Java
// clients (murmur2), so that whoever else writes or joins by this key agrees. An empty
// key is a key.
func PartitionOf(key []byte, n int) int {
	partitions := make([]int, n)
	for i := range partitions {
		partitions[i] = i
	}
	return kafka.Murmur2Balancer{Consistent: true}.Balance(kafka.Message{Key: key}, partitions...)
}

// Produce writes messages to one partition as one batch, and returns nil once all in-sync
// replicas have it (acks=all). After an error the batch may still be, or come to be,
// in the log as a whole, never in part. It tries once: what may be tried again, and
// in which order, its caller knows.
func (c *Client) Produce(ctx context.Context, topic string, partition int, messages []Message) error {
	if len(messages) == 0 {
		return nil
	}
	records := make([]protocol.Record, len(messages))
	for i, m := range messages {
		records[i] = protocol.Record{Key: protocol.NewBytes(m.Key), Value: protocol.NewBytes(m.Value)}
		for _, h := range m.Headers {
			records[i].Headers = append(records[i].Headers, protocol.Header{Key: h.Name, Value: h.Value})
		}
	}
	res, err := c.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
		Records: protocol.NewRecordReader(records...), Compression: kafka.Snappy,
	})
	if err == nil {
		err = res.Error
	}
	if errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge) {
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	if err != nil {
		return fmt.Errorf("kafka: writing to partition %d of topic %s: %w", partition, topic, err)
	}
	return nil
}

// ErrTooLarge says that a batch was refused for its size: a smaller one may pass.
var ErrTooLarge = errors.New("the batch is too large for the topic")

// Writer writes to one topic.
type Writer struct {
	client *Client
	topic  Topic
	create bool
}

// Writer returns a writer of a topic, which Partitions makes when create says so.
func (c *Client) Writer(t Topic, create bool) *Writer {
	return &Writer{client: c, topic: t, create: create}
}

// Partitions is how many partitions the topic has.
func (w *Writer) Partitions(ctx context.Context) (int, error) {
	if w.create {
		return w.client.EnsureTopic(ctx, w.topic)
	}
	return w.client.Partitions(ctx, w.topic.Name)
}

// Publish is [Client.Produce] to the writer's topic.
func (w *Writer) Publish(ctx context.Context, partition int, messages []Message) error {
	return w.client.Produce(ctx, w.topic.Name, partition, messages)
}
