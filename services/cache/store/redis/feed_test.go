package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/redisx/redisxtest"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/store/redis"
	"tollgate.dev/services/cache/storetest"
)

// replay is what a follower gets until it is current.
func replay(t *testing.T, feed cache.Feed) (changes []cache.Change) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := feed.Follow(ctx, "", func(c cache.Change) { changes = append(changes, c) }, cancel); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	return changes
}

func ask(t testing.TB, s cache.Store, key cache.Key, text string) {
	t.Helper()
	expires := time.Now().Add(time.Hour)
	put(t, s, key, cache.Record{Entry: storetest.Entry("answer"), Expires: expires, Announce: storetest.Kept(key, text, expires)})
}

// Of what another release wrote, or anybody, a follower takes nothing, and goes on.
func TestForeignChangesArePassedOver(t *testing.T) {
	s, client, prefix := open(t, nil)
	key := storetest.Key("t", "p", "m", "", "r")
	ask(t, s, key, "mine")
	const hash = "AAAAAAAAAAAAAAAAAAAAAA" // of 16 bytes
	stream, name := prefix+"changes", "t:p:m::RUNJ5CLwUpcZHq0T4h09tSDlq-9SBV5JZLgvshP1k6E"
	for _, values := range [][]string{
		{"v", "2", "kept", name}, {"v", "1", "moved", name}, {"kept", name}, {"v", "1"},
		{"v", "1", "kept", name[1:]}, {"v", "1", "kept", name[:20]}, {"v", "1", "kept", name + "A"}, {"v", "1", "kept", name + ":"},
		{"v", "1", "kept", "t::m::" + name[7:]}, {"v", "1", "kept", "t:p:m:%3:" + name[7:]}, {"v", "1", "kept", "t:p:m:%2x:" + name[7:]},
		{"v", "1", "kept", "t:p:m:%41:" + name[7:]}, {"v", "1", "kept", "t:p:m::"},
		{"v", "1", "gone", "::::"}, {"v", "1", "gone", "t:::"}, {"v", "1", "gone", "t::::x"},
		{"v", "1", "barred", "::"}, {"v", "1", "barred", "t:" + hash + ":"}, {"v", "1", "barred", "t:" + hash + ":x"}, {"v", "1", "barred", ":" + hash + ":1"},
		{"v", "1", "barred", "t:" + hash + "A:1"}, {"v", "1", "barred", "t:" + hash[1:] + ":1"}, {"v", "1", "barred", "t:" + hash + ":1:"},
		{"v", "1", "barred", "%:" + hash + ":1"}, {"v", "1", "gone", "t:::==:"}, {"v", "1", "gone", "t:=:::"},
		{"v", "1", "gone", strings.Repeat("t", cache.MaxComponentBytes+1) + "::::"},
	} {
		if err := client.XAdd(t.Context(), &goredis.XAddArgs{Stream: stream, Values: values}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	ask(t, s, storetest.Key("t", "p", "m", "", "other"), "mine too")
	got := replay(t, s)
	if len(got) != 2 || got[0].Kept == nil || got[0].Kept.Question.Text != "mine" || got[1].Kept == nil || got[1].Kept.Question.Text != "mine too" {
		t.Errorf("got %+v", got)
	}
	// And so with questions.
	question := prefix + "{t}:" + name[2:] + ":q"
	raw, err := client.Get(t.Context(), question).Result()
	if err != nil {
		t.Fatal(err)
	}
	for what, value := range map[string]string{
		"nothing": "", "another version": "\x03" + raw[1:], "cut": raw[:len(raw)-1], "longer": raw + "x", "an index": "\x01",
		"text without an end": raw[:34] + strings.Repeat("\xff", 40),
	} {
		if err := client.Set(t.Context(), question, value, time.Hour).Err(); err != nil {
			t.Fatal(err)
		}
		if got := replay(t, s); len(got) != 1 {
			t.Errorf("%s: %d changes", what, len(got))
		}
	}
	if err := client.Del(t.Context(), question).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.SAdd(t.Context(), question, "a set").Err(); err != nil {
		t.Fatal(err)
	}
	if got := replay(t, s); len(got) != 1 {
		t.Errorf("another type: %d changes", len(got))
	}
}

func TestChangesAreCapped(t *testing.T) {
	client, prefix := redisxtest.New(t)
	s, err := redis.New(client, redis.Options{Prefix: prefix, Changes: 100})
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	for i := range n {
		ask(t, s, storetest.Key("t", "p", "m", "", fmt.Sprint(i)), fmt.Sprint(i))
	}
	// Redis drops whole nodes of a stream, of 100 messages by default.
	got := replay(t, s)
	if len(got) < 100 || len(got) > 300 || got[len(got)-1].Kept.Question.Text != fmt.Sprint(n-1) {
		t.Errorf("%d changes are remembered", len(got))
	}
}

// However much another tenant purges, with nothing to purge or with something, what is barred is told
// to who comes later, and to who was away.
func TestBarsOutliveOthersPurges(t *testing.T) {
	client, prefix := redisxtest.New(t)
	s, err := redis.New(client, redis.Options{Prefix: prefix, Changes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	want := cache.Barred{Tenant: "a", Question: [16]byte{1}, Until: time.Now().Add(time.Hour).Truncate(time.Millisecond)}
	if err := s.Bar(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	stream := prefix + "changes"
	for _, has := range []bool{false, true} {
		if has {
			ask(t, s, storetest.Key("b", "q", "m", "", "r"), "question")
		}
		before := client.XLen(t.Context(), stream).Val()
		for range 1500 {
			if has {
				ask(t, s, storetest.Key("b", "other", "m", "", "r"), "question")
			}
			if _, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "b", Provider: "other"}, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		if n := client.XLen(t.Context(), stream).Val(); !has && n != before {
			t.Errorf("%d purges of nothing are announced", n-before)
		}
		bars := 0
		for _, c := range replay(t, s) {
			if c.Barred != nil && c.Barred.Tenant == want.Tenant && c.Barred.Question == want.Question && c.Barred.Until.Equal(want.Until) {
				bars++
			}
		}
		if inStream := 1; !has && bars != 1+inStream || has && bars != 1 {
			t.Errorf("the bar is told %d times", bars)
		}
	}
	// Who goes on where it was does so: what is barred has the id that it came with.
	last, err := client.XRevRangeN(t.Context(), stream, "+", "-", 1).Result()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var told []cache.Change
	if err := s.Follow(ctx, last[0].ID, func(c cache.Change) { told = append(told, c) }, stop); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if len(told) != 1 || told[0].Barred == nil || told[0].ID != last[0].ID {
		t.Errorf("it is told %+v", told)
	}
}

// What is kept of bars is bounded: a tenant's that end last, and nothing that has ended or can't be read.
func TestBarsOfATenantAreBounded(t *testing.T) {
	c := clocktest.New()
	s, client, prefix := open(t, c)
	bar := func(tenant string, i int, life time.Duration) {
		b := cache.Barred{Tenant: tenant, Question: [16]byte{byte(i), byte(i >> 8)}, Until: c.Now().Add(life)}
		if err := s.Bar(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	const more = 10
	for i := range cache.MaxBarredOfTenant + more {
		bar("t", i, time.Hour+time.Duration(i)*time.Millisecond)
	}
	for i := range 40 { // more than are read at a time
		bar(fmt.Sprint("tenant ", i), i, 2*time.Hour)
	}
	bar("short", 1, time.Minute)
	c.Advance(time.Minute)
	for _, foreign := range []string{"x", "", "AAAAAAAAAAAAAAAAAAAAAB"} {
		if err := client.ZAdd(t.Context(), prefix+"{t}:barred", goredis.Z{Score: 1e15, Member: foreign}).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.ZAdd(t.Context(), prefix+"barred", goredis.Z{Score: 1e15, Member: "%"}).Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Del(t.Context(), prefix+"changes").Err(); err != nil {
		t.Fatal(err)
	}
	told := make(map[string]int)
	for _, change := range replay(t, s) {
		told[change.Barred.Tenant]++
		if b := change.Barred; b.Tenant == "t" && int(b.Question[0])|int(b.Question[1])<<8 < more {
			t.Errorf("%x is told, which ends first", b.Question)
		}
	}
	if told["t"] != cache.MaxBarredOfTenant || told["short"] != 0 || len(told) != 41 {
		t.Errorf("told are %v", told)
	}
}

// Who was away goes on behind the last change that he has. What was cut off meanwhile is lost, and
// nothing besides; of a stream that is another's, or ends before, all comes again.
func TestFollowingGoesOn(t *testing.T) {
	text := func(i int) string { return fmt.Sprint("question ", i) }
	for name, tc := range map[string]struct {
		meanwhile func(ctx context.Context, client goredis.UniversalClient, stream, last string) error
		want      []int // of six questions, of which he has heard three; five is asked later
	}{
		"nothing": {func(context.Context, goredis.UniversalClient, string, string) error { return nil }, []int{3, 4, 5}},
		"the beginning is cut off": {func(ctx context.Context, client goredis.UniversalClient, stream, last string) error {
			return client.XTrimMinID(ctx, stream, last).Err()
		}, []int{3, 4, 5}},
		"more is cut off": {func(ctx context.Context, client goredis.UniversalClient, stream, _ string) error {
			return client.XTrimMaxLen(ctx, stream, 1).Err()
		}, []int{4, 5}},
		"all is cut off": {func(ctx context.Context, client goredis.UniversalClient, stream, _ string) error {
			return client.XTrimMaxLen(ctx, stream, 0).Err()
		}, []int{5}},
		"the stream is gone": {func(ctx context.Context, client goredis.UniversalClient, stream, _ string) error {
			return client.Del(ctx, stream).Err()
		}, []int{5}},
		"another began, on a clock that is behind": {func(ctx context.Context, client goredis.UniversalClient, stream, _ string) error {
			if err := client.Del(ctx, stream).Err(); err != nil {
				return err
			}
			name := storetest.Key("t", "p", "m", "", text(1))
			return client.XAdd(ctx, &goredis.XAddArgs{Stream: stream, ID: "5-1", Values: []string{"v", "1", "kept", "t:p:m::" + name.Fingerprint.EntryID()}}).Err()
		}, []int{1, 5}},
	} {
		t.Run(name, func(t *testing.T) {
			s, client, prefix := open(t, nil)
			var last string
			for i := range 5 {
				ask(t, s, storetest.Key("t", "p", "m", "", text(i)), text(i))
				if i == 2 {
					told := replay(t, s)
					last = told[len(told)-1].ID
				}
			}
			if err := tc.meanwhile(t.Context(), client, prefix+"changes", last); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var got []string
			err := s.Follow(ctx, last, func(c cache.Change) {
				got = append(got, c.Kept.Question.Text)
				if c.Kept.Question.Text == text(5) {
					stop()
				}
			}, func() { ask(t, s, storetest.Key("t", "p", "m", "", text(5)), text(5)) })
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			var want []string
			for _, i := range tc.want {
				want = append(want, text(i))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// An entry is kept whether or not others can be told; the log has it once.
func TestUnannouncedEntriesAreKept(t *testing.T) {
	client, prefix := redisxtest.New(t)
	var log bytes.Buffer
	s, err := redis.New(client, redis.Options{Prefix: prefix, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), prefix+"changes", "no stream", 0).Err(); err != nil {
		t.Fatal(err)
	}
	key := storetest.Key("t", "p", "m", "", "r")
	for range 3 {
		ask(t, s, key, "a secret question")
		if !has(t, s, key) {
			t.Fatal("it is not kept")
		}
	}
	if n, err := s.Invalidate(t.Context(), cache.Selector{Tenant: "t"}, time.Now()); n != 1 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	if err := s.Follow(t.Context(), "", func(cache.Change) {}, func() {}); err == nil || !strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("following: %v", err)
	}
	if err := client.Del(t.Context(), prefix+"changes").Err(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ask(t, s, key, "a secret question")
	}
	text := log.String()
	if strings.Count(text, "can't be announced") != 1 || strings.Count(text, "announced again") != 1 || strings.Contains(text, "secret") {
		t.Errorf("the log:\n%s", text)
	}
	if got := replay(t, s); len(got) != 3 {
		t.Errorf("%d changes", len(got))
	}
}

func TestFollowNeedsAKnownClient(t *testing.T) {
	ring := goredis.NewRing(&goredis.RingOptions{})
	defer func() { _ = ring.Close() }()
	s, err := redis.New(ring, redis.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Follow(t.Context(), "", nil, nil); err == nil {
		t.Error("it follows")
	}
}
