package main

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"

	cachev1 "tollgate.dev/gen/tollgate/cache/v1"
	"tollgate.dev/platform/clock"
	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/bench/measure"
	"tollgate.dev/services/cache/embed"
)

// shelf is a store in which there is an answer under every key but those of new requests: what
// a look-up takes beside it is the cache's own.
type shelf struct {
	entry *cachev1.Entry
	clock clock.Clock
}

func (s *shelf) Get(_ context.Context, key cache.Key) (cache.Record, bool, error) {
	return cache.Record{Entry: s.entry, Expires: s.clock.Now().Add(time.Hour)}, key.Fingerprint[0] == known, nil
}
func (*shelf) Put(context.Context, cache.Key, cache.Record) (bool, error) { return true, nil }
func (*shelf) Invalidate(context.Context, cache.Selector, time.Time) (int64, error) {
	return 0, nil
}

// known is the first byte of a kept request's fingerprint.
const known = 1

// prompts makes questions of everyday, of which many are alike.
type prompts struct{ rng *rand.Rand }

var (
	askedFor = []string{
		"How do I $v a $a $n in $p?", "What is the best way to $v the $a $n?", "Which $a $n should one $v in $p?", "Where can I find a $a $n near $p?",
		"Why is the $n in $p so $a?", "Is it safe to $v a $a $n?", "How much does a $a $n cost in $p?", "Write a short story about a $a $n in $p",
		"What happens if you $v a $n in $p?", "Who invented the $a $n?", "Explain how a $a $n works to a child", "Give me tips to $v $a $ns in $p",
		"How long does it take to $v a $a $n?", "What are the benefits of a $a $n?", "Can a $n be $a in $p?", "Compare a $a $n with a $n",
		"When should I $v the $n in $p?", "What is the difference between a $a $n and a $n?", "Suggest a name for a $a $n shop in $p", "How many $ns are there in $p?",
	}
	nouns = strings.Fields("bicycle kitchen garden laptop printer mattress sofa guitar piano camera drone backpack tent kayak helmet jacket sweater boot watch necklace lamp mirror carpet curtain blanket pillow towel kettle toaster oven fridge freezer blender knife spoon plate bottle candle clock radio telescope microscope battery charger cable router server database spreadsheet calendar invoice contract resume passport ticket license mortgage budget recipe salad soup sandwich pizza burger pancake cookie cake bread cheese yogurt smoothie coffee tea wine beer orchid rose tulip cactus oak maple hedge lawn fence gate roof chimney window door staircase balcony garage basement attic engine brake tire mirror wheel seat bridge tunnel tower castle museum library theater stadium hospital pharmacy bakery market hotel airport station harbor island beach forest desert valley volcano glacier river lake waterfall puppy kitten parrot hamster turtle rabbit horse goat chicken beetle butterfly spider dolphin whale shark salmon poem novel essay speech letter podcast song opera ballet sculpture painting sketch photograph cartoon puzzle chessboard telescope compass map globe flag statue fountain")
	verbs = strings.Fields("clean repair build paint sell rent store transport install replace design choose test assemble decorate insure import donate recycle measure describe photograph borrow inspect restore polish heat cool dry wash protect label wrap fold move")
	kinds = strings.Fields("small large cheap modern antique wooden metal plastic portable electric manual blue green red white heavy light quiet noisy simple elegant sturdy fragile foldable waterproof broken dirty famous unusual")
	cells = strings.Fields("Paris London Berlin Madrid Rome Vienna Oslo Stockholm Helsinki Dublin Lisbon Athens Warsaw Prague Budapest Toronto Chicago Boston Seattle Denver Austin Miami Sydney Melbourne Auckland Tokyo Osaka Seoul Mumbai Delhi Nairobi Cairo Lima Bogota Santiago")
)

func (p prompts) next() string {
	pattern := askedFor[p.rng.IntN(len(askedFor))]
	var b strings.Builder
	for {
		before, after, found := strings.Cut(pattern, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		list := map[byte][]string{'n': nouns, 'v': verbs, 'a': kinds, 'p': cells}[after[0]]
		b.WriteString(list[p.rng.IntN(len(list))])
		pattern = after[1:]
	}
}

// again asks the same in other words, as far as a pattern can.
func again(prompt string) string {
	for _, r := range [][2]string{
		{"How do I ", "I want to know the easiest way to "}, {"What is the best way to ", "Any advice how one would "}, {"Which ", "Please tell: what "},
		{"Where can I find ", "Where does one get "}, {"Why is ", "What is the reason that is "}, {"Is it safe to ", "Could it be dangerous to "},
		{"How much does ", "What would one pay for "}, {"Write a short story about ", "Please write a little story about "},
	} {
		if rest, ok := strings.CutPrefix(prompt, r[0]); ok {
			return r[1] + rest
		}
	}
	return "Please: " + prompt + " Thanks!"
}

// lookups measures whole look-ups of the service, with the embedder in the binary, among so
// many questions of one tenant: half of what is asked was asked before in other words.
func (b *bench) lookups(ctx context.Context, e embed.Embedder, sizes string) error {
	if sizes == "" {
		return nil
	}
	runtime.LockOSThread() // the processor's time is that of its thread
	defer runtime.UnlockOSThread()
	b.printf("\nlook-ups that embed by %s, processor's time (and the clock's)\n", e.Version())
	b.printf("%10s %14s %24s %24s %10s %10s %16s\n", "questions", "bytes each", "p50", "p99", "near", "semantic", "heap in all")
	for s := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return errors.New("-lookups takes numbers, with commas between")
		}
		if err := b.lookup(ctx, e, n); err != nil {
			return err
		}
	}
	return nil
}

// asks is how many look-ups are timed.
const asks = 4000

func (b *bench) lookup(ctx context.Context, e embed.Embedder, n int) error {
	p := prompts{rand.New(rand.NewPCG(1, 1))} //nolint:gosec // the same each time
	store := &shelf{entry: &cachev1.Entry{Body: []byte("{}"), CreatedMillis: b.clock.Now().UnixMilli()}, clock: b.clock}
	threshold := 0.95
	before := measure.Heap()
	service, err := cache.New(store, cache.Options{
		Timeout: -1, EmbedTimeout: -1, Last: cachev1.Tier_TIER_SEMANTIC, Embedder: e, Threshold: &threshold, IndexBytes: math.MaxInt64 / 2, Clock: b.clock,
	})
	if err != nil {
		return err
	}
	key := func(i int, first byte) (k cache.Key) {
		k.Namespace = cache.Namespace{Tenant: "t", Provider: "p", Model: "m"}
		k.Fingerprint[0] = first
		binary.BigEndian.PutUint64(k.Fingerprint[1:], uint64(i)) //nolint:gosec // a number of the loop's
		return k
	}
	var queries []string
	for i := range n {
		text := p.next()
		if i%max(1, 2*n/asks) == 0 && len(queries) < asks {
			queries = append(queries, again(text), p.next())
		}
		if _, err := service.Store(ctx, cache.Answer{Key: key(i, known), Entry: store.entry, TTL: time.Hour, Question: &cache.Question{Text: text, Bare: true}}); err != nil {
			return err
		}
	}
	all := measure.Heap()
	var took, wall []time.Duration
	found := map[cachev1.HitKind]int{}
	for i, text := range queries {
		q := cache.Question{Text: text, Bare: true}
		t, begun := measure.ThreadTime(), b.clock.Now()
		hit := service.Lookup(ctx, cache.Request{Key: key(i, known+1), MaxAge: cache.AnyAge, Question: &q})
		c, w := measure.ThreadTime()-t, b.clock.Now().Sub(begun)
		found[hit.Kind]++
		if hit.Last == cachev1.Tier_TIER_SEMANTIC {
			took, wall = append(took, c), append(wall, w)
		}
	}
	runtime.KeepAlive(service)
	if len(took) == 0 {
		return errors.New("no look-up came to the embedder")
	}
	b.printf("%10d %14d %12s (%s) %14s (%s) %10s %10s %12d MB\n", n, (all-before)/uint64(n), measure.Quantile(took, 0.5), measure.Quantile(wall, 0.5), measure.Quantile(took, 0.99), measure.Quantile(wall, 0.99), //nolint:gosec // n is positive
		share(found[cachev1.HitKind_HIT_KIND_NEAR], len(queries)), share(found[cachev1.HitKind_HIT_KIND_SEMANTIC], len(queries)), all>>20)
	return nil
}
