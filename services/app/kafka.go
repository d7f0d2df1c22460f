package app

import (
	"log/slog"

	"go.uber.org/fx"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/obs"
	"tollgate.dev/services/budget/relay"
)

// events is where events go.
type events struct {
	fx.Out

	Relay  relay.Options
	Checks []obs.Check `group:"checks,flatten"`
}

// newEvents says what the relay does: it publishes to Kafka where there are brokers, and
// else keeps events. Kafka may be away at the start and at any time later: no call needs it.
func newEvents(open *opened, cfg *config.Config, clk clock.Clock, log *slog.Logger, metrics *obs.Metrics) (events, error) {
	out := events{Relay: relay.Options{Clock: clk, Log: log, Observer: metrics, Retention: cfg.Kafka.OutboxRetention}}
	if len(cfg.Kafka.Brokers) == 0 {
		return out, nil
	}
	client, err := kafkax.Open(kafkax.Options{Brokers: cfg.Kafka.Brokers})
	if err != nil {
		return events{}, err
	}
	open.addFunc(client.Close)
	out.Relay.Publisher = client.Writer(kafkax.Topic{
		Name: cfg.Kafka.Topic, Partitions: cfg.Kafka.Partitions, Replicas: cfg.Kafka.ReplicationFactor, Config: cfg.Kafka.TopicConfig,
	}, cfg.Kafka.CreateTopic)
	out.Checks = []obs.Check{{Name: "kafka", Timeout: stateTimeout, Run: client.Ping}}
	return out, nil
}
