package e2e_test

import (
	"testing"

	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/postgres/postgrestest"
)

// cached has some calls answered from the cache, or by others' calls: those cost nothing.
const cached = "litellm_settings: {cache: true}\n"

// answersBetweenKills are waited for before each kill.
const answersBetweenKills = 60

// TestGatewaysAreKilled kills one of two gateways, and the other, again and again. Calls that
// were under way are charged at what they had reserved, and all else is as the callers know it.
func TestGatewaysAreKilled(t *testing.T) {
	t.Parallel()
	b := openBank(t, 2, postgrestest.URL(t).Reveal(), kafkaxtest.Brokers(t), cached, bankModels...)
	kafkaxtest.Remove(t, b.kafka, b.topic)
	b.customers()
	bills := b.bill()
	b.open(16)
	const kills = 6
	for n := range kills {
		b.await("answers before a kill", answersBetweenKills)
		b.gateways[n%2].Load().Process().Kill()
		b.await("answers of the other gateway", 10)
		b.start(n % 2)
	}
	b.await("answers after the last kill", answersBetweenKills)
	fates, charged := b.audit(bills)
	t.Logf("%d kills: %d calls were answered, %d refused, %d broke off, of which %d were charged at their reservation",
		kills, fates[paid], fates[refused], fates[lost], charged)
	if fates[refused] == 0 || fates[lost] == 0 || charged == 0 {
		t.Error("the test shows too little")
	}
}

// TestPostgreSQLIsKilled kills the database of two gateways. They go on from what they have
// leased, keep what was settled, and nobody is told an error that costs money.
func TestPostgreSQLIsKilled(t *testing.T) {
	t.Parallel()
	database := postgrestest.StartOwn(t)
	b := openBank(t, 2, database.URL().Reveal(), kafkaxtest.Brokers(t), cached, bankModels...)
	kafkaxtest.Remove(t, b.kafka, b.topic)
	b.customers()
	bills := b.bill()
	b.open(16)
	const kills = 4
	for range kills {
		b.await("answers before a kill", answersBetweenKills)
		database.Kill()
		b.awaitCalls("calls without the database", 40)
		database.Start()
	}
	b.await("answers after the last kill", answersBetweenKills)
	fates, _ := b.audit(bills)
	t.Logf("%d kills: %d calls were answered, %d refused, %d broke off", kills, fates[paid], fates[refused], fates[lost])
	if fates[lost] != 0 {
		t.Error("calls broke off")
	}
}

// TestKafkaIsKilled kills the broker of two gateways. Calls do not notice; events wait, and
// go out in order when it is back.
func TestKafkaIsKilled(t *testing.T) {
	t.Parallel()
	broker := kafkaxtest.StartOwn(t)
	b := openBank(t, 2, postgrestest.URL(t).Reveal(), broker.Brokers(), cached, bankModels...)
	b.customers()
	bills := b.bill()
	b.open(8)
	const kills = 2
	for range kills {
		b.await("answers before a kill", answersBetweenKills)
		broker.Kill()
		b.await("answers without the broker", answersBetweenKills)
		broker.Start()
	}
	b.await("answers after the last kill", answersBetweenKills)
	fates, _ := b.audit(bills)
	t.Logf("%d kills: %d calls were answered, %d refused, %d broke off", kills, fates[paid], fates[refused], fates[lost])
	if fates[lost] != 0 {
		t.Error("calls broke off")
	}
	for request, c := range b.claims {
		if c.fate == refused && c.why != "budget_exceeded" {
			t.Errorf("%s was refused by %s", request, c.why)
		}
	}
}
