package redis_test

import (
	"testing"
	"time"

	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/store/redis"
	"tollgate.dev/services/compressor/storetest"
)

func TestNotes(t *testing.T) {
	storetest.RunNotes(t, func(t *testing.T) storetest.NotesRig {
		t.Helper()
		client, prefix := redisxtest.New(t)
		n, err := redis.NewNotes(client, redis.Options{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		return storetest.NotesRig{Notes: n}
	})
}

// The layout is a contract between releases, and between replicas of a cluster.
func TestNotesLayout(t *testing.T) {
	client, prefix := redisxtest.New(t)
	var all [2]*redis.Notes // each a replica's
	for i := range all {
		var err error
		if all[i], err = redis.NewNotes(client, redis.Options{Prefix: prefix}); err != nil {
			t.Fatal(err)
		}
	}
	note := compressor.Note{Name: "began:00ff", Text: "\x01\xff", Life: time.Hour}
	if err := all[0].Write(t.Context(), "acme:{x}", []compressor.Note{note}); err != nil {
		t.Fatal(err)
	}
	key := prefix + "{acme%3A%7Bx%7D}:began%3A00ff"
	if text, err := client.Get(t.Context(), key).Result(); err != nil || text != note.Text {
		t.Fatalf("%q, %v", text, err)
	}
	if err := client.PExpire(t.Context(), key, time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := all[1].Read(t.Context(), "acme:{x}", []compressor.Note{note}); err != nil || got[0] != note.Text {
		t.Errorf("%q, %v", got, err)
	}
	if left, err := client.PTTL(t.Context(), key).Result(); err != nil || left <= 50*time.Minute || left > time.Hour {
		t.Errorf("it lives %v, %v", left, err)
	}
	// Of another type, which is what a shared Redis may hold under any name.
	if err := client.Del(t.Context(), key).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.LPush(t.Context(), key, "no string").Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := all[0].Read(t.Context(), "acme:{x}", []compressor.Note{note}); err == nil || err.Error() != "redis: reading notes: the server answers WRONGTYPE" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := redis.NewNotes(client, redis.Options{Prefix: "{"}); err == nil {
		t.Error("a prefix with a brace is taken")
	}
}
