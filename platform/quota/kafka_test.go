package quota_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/kafkax"
	"tollgate.dev/platform/kafkax/kafkaxtest"
	"tollgate.dev/platform/quota"
	"tollgate.dev/platform/quota/store/sqlite"
	platform "tollgate.dev/platform/sqlite"
)

// Members of a group come and go while events arrive, many of them twice; their effects,
// in one database, are there once and in order.
func TestGroupsRebalance(t *testing.T) {
	const n, tenants, partitions = 120, 8, 4
	client, topic := kafkaxtest.New(t, partitions)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	db, err := platform.Open(ctx, filepath.Join(t.TempDir(), "consumer.db"), platform.Options{Synchronous: platform.Normal})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := db.Write.ExecContext(ctx, "CREATE TABLE effects (n INTEGER PRIMARY KEY, tenant TEXT, sequence INTEGER)"); err != nil {
		t.Fatal(err)
	}
	handler, err := sqlite.New(ctx, db, "billing", func(ctx context.Context, tx *sql.Tx, e *quota.Event) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO effects (tenant, sequence) VALUES (?, ?)", e.TenantID, e.Payload.Sequence)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	group := kafkaxtest.Name()
	member := func(life context.Context) {
		g, err := client.NewGroup(ctx, kafkax.GroupOptions{Group: group, Topic: topic})
		if err != nil {
			t.Error(err)
			return
		}
		if err := quota.NewConsumer(quota.FromKafka(g), handler, quota.Options{CommitEvery: 50 * time.Millisecond}).Run(life); err != nil {
			t.Error(err)
		}
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	}
	var members sync.WaitGroup
	stable, stop := context.WithCancel(ctx)
	defer stop()
	members.Go(func() { member(stable) })

	count := func() (effects int) {
		if err := db.Read.QueryRowContext(ctx, "SELECT count(*) FROM effects").Scan(&effects); err != nil {
			t.Fatal(err)
		}
		return effects
	}
	await := func(effects int) {
		t.Helper()
		for count() < effects {
			if err := clock.Sleep(ctx, clock.Real(), 20*time.Millisecond); err != nil {
				t.Fatalf("%d effects, want %d", count(), effects)
			}
		}
	}
	for part := range 3 {
		life, end := context.WithCancel(stable)
		members.Go(func() { member(life) }) // joins, and goes when a part is done
		for s := part * n / 3; s < (part+1)*n/3; s++ {
			for i := range tenants {
				tenant := fmt.Sprint("tenant", i)
				var messages []kafkax.Message
				for repeat := max(0, s-s%3); repeat <= s; repeat++ { // up to two come again
					value, err := quota.FromRecord(record(tenant, int64(repeat+1))).Encode()
					if err != nil {
						t.Fatal(err)
					}
					messages = append(messages, kafkax.Message{Key: []byte(tenant), Value: value})
				}
				if err := client.Produce(ctx, topic, kafkax.PartitionOf([]byte(tenant), partitions), messages); err != nil {
					t.Fatal(err)
				}
			}
		}
		await((part + 1) * n / 3 * tenants / 2) // in the middle of the work
		end()
	}
	await(n * tenants)
	stop()
	members.Wait()
	rows, err := db.Read.QueryContext(t.Context(), "SELECT tenant, sequence FROM effects ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	last := map[string]int64{}
	for rows.Next() {
		var tenant string
		var sequence int64
		if err := rows.Scan(&tenant, &sequence); err != nil {
			t.Fatal(err)
		}
		if last[tenant]++; sequence != last[tenant] {
			t.Fatalf("%s: the effect of %d comes as number %d", tenant, sequence, last[tenant])
		}
	}
	if err := rows.Err(); err != nil || count() != n*tenants {
		t.Errorf("%d effects, want %d; %v", count(), n*tenants, err)
	}
}
