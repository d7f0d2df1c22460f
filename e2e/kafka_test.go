package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"tollgate.dev/e2e/harness"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
)

// kafkaConfig is a configuration whose events go to a topic.
func kafkaConfig(topic string) string {
	return harness.SimulatedConfig("kafka: {topic: "+topic+", partitions: 2}\n", harness.Model{Name: "m", Upstream: "openai/gpt-4o-mini"})
}

var errFound = errors.New("found")

// TestEventsReachKafka follows a call into the topic: its event has the ledger's id, key
// and amount.
func TestEventsReachKafka(t *testing.T) {
	t.Parallel()
	client, topic := kafkaxtest.Open(t, kafkaxtest.Brokers(t)...), kafkaxtest.Name()
	kafkaxtest.Remove(t, client, topic)
	g := harness.Start(t, harness.Options{
		Config: kafkaConfig(topic), Env: []string{"KAFKA_BROKERS=" + strings.Join(kafkaxtest.Brokers(t), ",")},
	})
	if !g.Dependencies(t)["kafka"] {
		t.Error("/health says that kafka is down")
	}
	key := g.NewTenantKey(nil)
	answer := g.Complete(key.Secret, harness.Chat("m", g.Prompt(t))).MustBe(t, http.StatusOK)
	record := g.Usage(t, answer.Header.Get("X-Request-Id"))

	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	harness.Eventually(t, "the topic is made", func() error {
		_, err := client.Partitions(ctx, topic)
		return err
	})
	partition := kafkax.PartitionOf([]byte(record.GetTenantId()), 2)
	err := client.ReadRange(ctx, topic, partition, 0, -1, func(m kafkax.Message) error {
		var event struct {
			EventID  string `json:"eventId"`
			TenantID string `json:"tenantId"`
			Payload  struct {
				RequestID string      `json:"requestId"`
				Cost      json.Number `json:"cost"`
				Sequence  int64       `json:"sequence"`
			} `json:"payload"`
		}
		if err := json.Unmarshal(m.Value, &event); err != nil {
			return err
		}
		if event.EventID != record.GetEventId() || event.TenantID != record.GetTenantId() || string(m.Key) != record.GetTenantId() ||
			event.Payload.RequestID != record.GetRequestId() || event.Payload.Sequence != 1 ||
			event.Payload.Cost.String() != answer.Header.Get("X-Tollgate-Cost") {
			return fmt.Errorf("%s with key %s is not of %v", m.Value, m.Key, record)
		}
		return errFound
	})
	if !errors.Is(err, errFound) {
		t.Fatal(err)
	}
	harness.Eventually(t, "the outbox is empty, and says so", func() error {
		page := g.Metrics(t, "budget")
		for _, want := range []string{"\ntollgate_outbox_pending_events 0\n", `tollgate_outbox_published_total{result="ok"} 1`} {
			if !strings.Contains(page, want) {
				return fmt.Errorf("/metrics has no %q", want)
			}
		}
		return nil
	})
}

// TestGatewayWithoutItsKafka serves calls and is ready while Kafka is away; its health
// and its metrics tell.
func TestGatewayWithoutItsKafka(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Options{Config: kafkaConfig("away"), Env: []string{"KAFKA_BROKERS=127.0.0.1:1"}})
	key := g.NewTenantKey(nil)
	answer := g.Complete(key.Secret, harness.Chat("m", g.Prompt(t))).MustBe(t, http.StatusOK)
	g.Usage(t, answer.Header.Get("X-Request-Id"))
	g.Call(http.MethodGet, "/health/readiness", harness.Call{}).MustBe(t, http.StatusOK)
	if up, known := g.Dependencies(t)["kafka"]; up || !known {
		t.Errorf("/health knows of kafka: %t, says that it is up: %t", known, up)
	}
	harness.Eventually(t, "the backlog shows", func() error {
		if page := g.Metrics(t, "budget"); !strings.Contains(page, "\ntollgate_outbox_pending_events 1\n") {
			return errors.New("no event waits")
		}
		return nil
	})
}
