package app

import (
	"testing"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/services/compressor/store/memory"
	notesredis "tollgate.dev/services/compressor/store/redis"
)

// How prompts began is in Redis where there is one and prompts may be compressed.
func TestWhereBeginningsAre(t *testing.T) {
	for name, tc := range map[string]struct {
		yaml, redis string
		shared      bool
	}{
		"without Redis":                        {"", "", false},
		"with Redis":                           {"", "redis://127.0.0.1:1", true},
		"with Redis, what is left out is not":  {"compression: {keep_omitted: 0}\n", "redis://127.0.0.1:1", true},
		"with Redis, no compression":           {"compression: {enabled: false}\n", "redis://127.0.0.1:1", false},
		"with Redis, a namespace with a brace": {"compression: {namespace: \"a{b}\"}\n", "redis://127.0.0.1:1", true},
	} {
		t.Run(name, func(t *testing.T) {
			open := &opened{}
			notes, err := openBeginnings(open, load(t, simulatedModel+tc.yaml, "REDIS_URL", tc.redis), clocktest.New())
			if err != nil {
				t.Fatal(err)
			}
			_, here := notes.(*memory.Notes)
			if _, shared := notes.(*notesredis.Notes); shared != tc.shared || here == tc.shared {
				t.Errorf("they are %T", notes)
			}
			if err := open.close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
