package quota

import (
	"context"
	"maps"
	"slices"

	"tollgate.dev/platform/kafkax"
)

// FromKafka reads events as a member of a consumer group. The group's owner closes it
// after the consumer's Run. A partition that goes to another member in the middle of an
// event does no harm: both may try to apply it, and one of them does.
func FromKafka(group *kafkax.Group) Source {
	return &kafkaSource{group: group, done: map[int]kafkax.Message{}}
}

type kafkaSource struct {
	group *kafkax.Group
	done  map[int]kafkax.Message // the last one of each partition, not committed
}

func (s *kafkaSource) Fetch(ctx context.Context) (*Event, error) {
	m, err := s.group.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	s.done[m.Partition] = kafkax.Message{Partition: m.Partition, Offset: m.Offset}
	e, err := Decode(m.Value)
	if err != nil {
		return nil, &MalformedError{Partition: m.Partition, Offset: m.Offset, Err: err}
	}
	return e, nil
}

func (s *kafkaSource) Commit(ctx context.Context) error {
	if len(s.done) == 0 {
		return nil
	}
	err := s.group.Commit(ctx, slices.Collect(maps.Values(s.done))...)
	clear(s.done)
	return err
}
