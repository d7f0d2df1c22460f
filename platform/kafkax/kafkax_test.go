package kafkax_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestOpenRefuses(t *testing.T) {
	for _, brokers := range [][]string{nil, {"localhost"}, {"a:1", "b"}} {
		if _, err := kafkax.Open(kafkax.Options{Brokers: brokers}); err == nil {
			t.Errorf("%q is taken", brokers)
		}
	}
}

// A broker that is away, and one that takes connections and says nothing, are errors
// within the time that is given; one broker that answers is enough.
func TestPing(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent := listener.Addr().String()
	defer func() { _ = listener.Close() }()
	for name, c := range map[string]struct {
		brokers []string
		ok      bool
	}{
		"up":        {kafkaxtest.Brokers(t), true},
		"away":      {[]string{"127.0.0.1:1"}, false},
		"silent":    {[]string{silent}, false},
		"one of it": {append([]string{"127.0.0.1:1"}, kafkaxtest.Brokers(t)...), true},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := kafkax.Open(kafkax.Options{Brokers: c.brokers, DialTimeout: 2 * time.Second})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := client.Close(); err != nil {
					t.Error(err)
				}
			}()
			if err := client.Ping(bounded(t)); (err == nil) != c.ok {
				t.Errorf("ping: %v", err)
			}
		})
	}
}

func TestEnsureTopic(t *testing.T) {
	client, ctx := kafkaxtest.Open(t, kafkaxtest.Brokers(t)...), bounded(t)
	topic := kafkax.Topic{Name: kafkaxtest.Name(), Partitions: 5, Replicas: 1, Config: map[string]string{"retention.ms": "3600000"}}
	if _, err := client.Partitions(ctx, topic.Name); !errors.Is(err, kafkax.ErrNoTopic) {
		t.Fatalf("a topic that does not exist: %v", err)
	}
	kafkaxtest.Remove(t, client, topic.Name)
	var both sync.WaitGroup
	for range 2 { // two processes start at once
		both.Go(func() {
			if n, err := client.EnsureTopic(ctx, topic); err != nil || n != 5 {
				t.Errorf("%d partitions, %v", n, err)
			}
		})
	}
	both.Wait()
	topic.Partitions = 9
	if n, err := client.EnsureTopic(ctx, topic); err != nil || n != 5 {
		t.Errorf("an existing topic: %d partitions, %v", n, err)
	}
	_, err := client.EnsureTopic(ctx, kafkax.Topic{Name: kafkaxtest.Name(), Config: map[string]string{"no.such.setting": "1"}})
	if err == nil {
		t.Error("an unknown setting is taken")
	}
}

// The Java client's partitions, so that others who write by the same key agree. The
// numbers are those of org.apache.kafka.common.utils.Utils.murmur2's own test.
func TestPartitionOf(t *testing.T) {
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
	} {
		for _, n := range []int{1, 3, 12, 100} {
			if got, want := kafkax.PartitionOf([]byte(key), n), int(hash&0x7fffffff)%n; got != want {
				t.Errorf("%s of %d: partition %d, want %d", key, n, got, want)
			}
		}
	}
	if a, b := kafkax.PartitionOf(nil, 12), kafkax.PartitionOf([]byte{}, 12); a != b {
		t.Errorf("no key is in partition %d, an empty one in %d", a, b)
	}
}

func TestProduceAndRead(t *testing.T) {
	client, topic := kafkaxtest.New(t, 2)
	ctx := bounded(t)
	const n = 1000
	for batch := range 10 {
		messages := make([]kafkax.Message, n/10)
		for i := range messages {
			messages[i] = kafkax.Message{
				Key: []byte("k"), Value: fmt.Append(nil, batch*n/10+i), Headers: []kafkax.Header{{Name: "h", Value: []byte("v")}},
			}
		}
		if err := client.Produce(ctx, topic, 1, messages); err != nil {
			t.Fatal(err)
		}
	}
	ranges, err := client.Ranges(ctx, topic)
	if err != nil || len(ranges) != 2 || ranges[0] != (kafkax.Range{}) || ranges[1] != (kafkax.Range{End: n}) {
		t.Fatalf("ranges %v, %v", ranges, err)
	}
	next := 300
	err = client.ReadRange(ctx, topic, 1, 300, 900, func(m kafkax.Message) error {
		if string(m.Value) != fmt.Sprint(next) || m.Offset != int64(next) || string(m.Key) != "k" || len(m.Headers) != 1 || m.Time.Year() < 2020 {
			t.Fatalf("at %d: %+v", next, m)
		}
		next++
		return nil
	})
	if err != nil || next != 900 {
		t.Fatalf("read up to %d, %v", next, err)
	}
	stop := errors.New("stop")
	if err := client.ReadRange(ctx, topic, 1, 0, -1, func(kafkax.Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the reader's own error became %v", err)
	}
	if err := client.ReadRange(ctx, topic, 0, 0, 0, nil); err != nil {
		t.Errorf("an empty range: %v", err)
	}
	if err := client.Produce(ctx, topic, 7, []kafkax.Message{{Value: []byte("x")}}); err == nil {
		t.Error("a partition that does not exist took a message")
	}
	err = client.Produce(ctx, topic, 0, []kafkax.Message{{Value: random(2 << 20)}})
	if !errors.Is(err, kafkax.ErrTooLarge) {
		t.Errorf("2 MiB: %v", err)
	}
}

// random is text that does not compress.
func random(n int) []byte {
	out := make([]byte, n)
	state := uint64(1)
	for i := range out {
		state = state*6364136223846793005 + 1442695040888963407
		out[i] = byte(state >> 56)
	}
	return out
}

// A group goes on where it was committed, also after its member went away without it.
func TestGroupResumes(t *testing.T) {
	client, topic := kafkaxtest.New(t, 1)
	ctx := bounded(t)
	for i := range 10 {
		if err := client.Produce(ctx, topic, 0, []kafkax.Message{{Value: fmt.Append(nil, i)}}); err != nil {
			t.Fatal(err)
		}
	}
	group := kafkaxtest.Name()
	read := func(from, to, commit int) {
		t.Helper()
		g, err := client.NewGroup(ctx, kafkax.GroupOptions{Group: group, Topic: topic})
		if err != nil {
			t.Fatal(err)
		}
		for i := from; i < to; i++ {
			m, err := g.Fetch(ctx)
			if err != nil || string(m.Value) != fmt.Sprint(i) {
				t.Fatalf("message %d is %q, %v", i, m.Value, err)
			}
			if i == commit {
				if err := g.Commit(ctx, m); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		for err == nil { // what was read ahead, then the end
			_, err = g.Fetch(ctx)
		}
		if !errors.Is(err, io.EOF) {
			t.Errorf("after Close: %v", err)
		}
	}
	read(0, 6, 3)
	read(4, 10, 9)
	if _, err := client.NewGroup(ctx, kafkax.GroupOptions{Topic: topic}); err == nil {
		t.Error("a group without a name")
	}
}
