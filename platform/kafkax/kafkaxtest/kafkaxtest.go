// Package kafkaxtest gives each test a client of a real Kafka and a topic of its own.
package kafkaxtest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/kafkax"
)

// Variable names the environment variable that says where the brokers are: host:port,
// commas between.
const Variable = "TEST_KAFKA_BROKERS"

// Brokers are the addresses of the test's cluster. Without one the test fails: a test
// that did not run must not look like one that passed.
func Brokers(tb testing.TB) []string {
	tb.Helper()
	text := os.Getenv(Variable)
	if text == "" {
		tb.Fatalf("%s is not set: run `make test`, which starts the services", Variable)
	}
	return strings.Split(text, ",")
}

// Name is a topic or group name that no other test has.
func Name() string { return "test-" + strings.ToLower(rand.Text()) }

// Open returns a client of a cluster, which is closed when the test ends.
func Open(tb testing.TB, brokers ...string) *kafkax.Client {
	tb.Helper()
	client, err := kafkax.Open(kafkax.Options{Brokers: brokers})
	if err != nil {
		tb.Fatalf("opening the test's Kafka: %v", err)
	}
	tb.Cleanup(func() {
		if err := client.Close(); err != nil {
			tb.Errorf("closing the client: %v", err)
		}
	})
	return client
}

// New returns a client and a topic with some partitions, which is removed when the test ends.
func New(tb testing.TB, partitions int) (client *kafkax.Client, topic string) {
	tb.Helper()
	client = Open(tb, Brokers(tb)...)
	topic = Name()
	Remove(tb, client, topic)
	ctx, cancel := context.WithTimeout(tb.Context(), time.Minute)
	defer cancel()
	if _, err := client.EnsureTopic(ctx, kafkax.Topic{Name: topic, Partitions: partitions, Replicas: 1}); err != nil {
		tb.Fatalf("making the test's topic: %v", err)
	}
	return client, topic
}

// Remove removes a topic when the test ends.
func Remove(tb testing.TB, client *kafkax.Client, topic string) {
	tb.Helper()
	tb.Cleanup(func() {
		// Not the test's context: that one has ended when Cleanup runs.
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := client.DeleteTopic(ctx, topic); err != nil {
			tb.Errorf("removing the test's topic: %v", err)
		}
	})
}
