package quotacmd

import (
	"context"
	"fmt"

	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/quota"
)

// topicView is what a topic has of each tenant.
type topicView struct {
	tenants  map[string]*stretch
	messages int64
	repeats  int64
	problems []string
}

// stretch is a tenant's events in the topic, without repetitions: from first on, one after
// the other; an empty one is missing.
type stretch struct {
	first   int64
	events  []seen
	trimmed bool // older ones may have gone by the topic's retention
}

type seen struct {
	id   string
	cost money.Nano
}

// at is what stands at a sequence; ok is false where nothing does.
func (s *stretch) at(sequence int64) (seen, bool) {
	if s == nil || sequence < s.first || sequence >= s.first+int64(len(s.events)) {
		return seen{}, false
	}
	e := s.events[sequence-s.first]
	return e, e.id != ""
}

// maxJump bounds what an absurd sequence in the topic makes the command remember.
const maxJump = 10_000_000

// readTopic reads the topic as it stands.
func (c *command) readTopic(ctx context.Context, client *kafkax.Client) (*topicView, error) {
	ranges, err := client.Ranges(ctx, c.topic)
	if err != nil {
		return nil, err
	}
	v := &topicView{tenants: map[string]*stretch{}}
	for partition, r := range ranges {
		if c.tenant != "" && partition != kafkax.PartitionOf([]byte(c.tenant), len(ranges)) {
			continue
		}
		err := client.ReadRange(ctx, c.topic, partition, r.First, r.End, func(m kafkax.Message) error {
			e, err := quota.Decode(m.Value)
			if err != nil {
				v.problems = append(v.problems, fmt.Sprintf("partition %d, offset %d: %v", m.Partition, m.Offset, err))
				return nil
			}
			if c.tenant != "" && e.TenantID != c.tenant {
				return nil
			}
			v.messages++
			if string(m.Key) != e.TenantID {
				v.problems = append(v.problems, fmt.Sprintf("event %s of tenant %s has the key %q", e.EventID, word(e.TenantID), m.Key))
			}
			v.add(e, r.First > 0)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

// add takes the next event of a partition.
func (v *topicView) add(e *quota.Event, trimmed bool) {
	tenant, sequence := e.TenantID, e.Payload.Sequence
	s := v.tenants[tenant]
	if s == nil {
		s = &stretch{first: sequence, trimmed: trimmed}
		v.tenants[tenant] = s
	}
	problem := func(format string, args ...any) {
		v.problems = append(v.problems, fmt.Sprintf("tenant %s: ", word(tenant))+fmt.Sprintf(format, args...))
	}
	next := s.first + int64(len(s.events))
	switch {
	case sequence > next+maxJump:
		problem("event %s has the sequence %d after %d", e.EventID, sequence, next-1)
	case sequence >= next:
		for ; next < sequence; next++ {
			s.events = append(s.events, seen{}) // missing, unless it comes out of order
		}
		s.events = append(s.events, seen{e.EventID, e.Payload.Cost})
	case sequence < s.first:
		if !s.trimmed {
			problem("event %d (%s) comes after event %d", sequence, e.EventID, next-1)
		} // else it is a repetition of what the topic has forgotten
	default:
		have := &s.events[sequence-s.first]
		switch {
		case have.id == "":
			problem("event %d (%s) comes after event %d", sequence, e.EventID, next-1)
			*have = seen{e.EventID, e.Payload.Cost}
		case *have != (seen{e.EventID, e.Payload.Cost}):
			problem("two events have the sequence %d: %s of $%s and %s of $%s", sequence, have.id, have.cost.Dollars(), e.EventID, e.Payload.Cost.Dollars())
		default:
			v.repeats++
		}
	}
}
