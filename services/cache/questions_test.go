package cache

import (
	"fmt"
	"testing"

	"tollgate.dev/platform/clock"
)

// Questions whose keys share a hash are told apart by their handles, whichever goes first.
func TestQuestionsThatShareAHash(t *testing.T) {
	const shared = 7
	for gone := range 3 {
		t.Run(fmt.Sprint(gone), func(t *testing.T) {
			q := newQuestions(1<<20, clock.Real(), nil)
			var handles []uint64
			for i := range 3 {
				handles = append(handles, q.hold(&answered{namespace: q.namespaces.hold(Namespace{Tenant: "t"}), text: fmt.Sprint(i)}, shared))
			}
			q.dropped(handles[gone])
			q.dropped(handles[gone]) // once more does nothing
			for i, h := range handles {
				switch a := q.get(h); {
				case i == gone && a != nil, i != gone && (a == nil || a.text != fmt.Sprint(i)):
					t.Errorf("handle %d leads to %+v", i, a)
				}
			}
			for _, h := range handles {
				q.dropped(h)
			}
			if n := len(q.shard(shared).m); n > 0 {
				t.Errorf("%d are left", n)
			}
			if n, bytes := len(q.namespaces.m), q.index.Stats().Bytes; n > 0 || bytes != 0 {
				t.Errorf("%d namespaces are left, and %d bytes", n, bytes)
			}
		})
	}
}

// A question is found by its whole key, and by no part of it.
func TestQuestionsAreFoundByTheirKey(t *testing.T) {
	q := newQuestions(1<<20, clock.Real(), nil)
	key := Key{Namespace: Namespace{Tenant: "t", Provider: "p", Model: "m"}, Fingerprint: Fingerprint{1}}
	others := []Key{key, key, key, key, key}
	others[0].Namespace.Tenant = "u"
	others[1].Namespace.Provider = "q"
	others[2].Namespace.Model = "n"
	others[3].Namespace.Partition = "mine"
	others[4].Fingerprint[31]++
	for _, k := range others { // even where the hash is the same
		q.hold(&answered{namespace: q.namespaces.hold(k.Namespace), fingerprint: k.Fingerprint}, q.hash(&key))
	}
	if got := q.of(&key); len(got) > 0 {
		t.Errorf("found %+v", got)
	}
	q.hold(&answered{namespace: q.namespaces.hold(key.Namespace), fingerprint: key.Fingerprint, text: "it"}, q.hash(&key))
	if got := q.of(&key); len(got) != 1 || got[0].text != "it" {
		t.Errorf("found %+v", got)
	}
}
