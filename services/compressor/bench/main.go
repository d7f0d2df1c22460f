// Command bench measures the compressor. On labelled questions: how often the answer stays, how
// much of the budget is used, what of that is so of whole compressions, which leave some prompts as they
// came, and how long it takes to choose sentences, alone and within a whole compression; beside it stand two that know nothing of the question, the head of the text and
// random sentences. Of tool results: what is left of JSON. Of conversations: the bill. At the end it
// prints what was aimed at beside what was measured.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"time"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/compressor"
	"tollgate.dev/services/compressor/bench/labelled"
	"tollgate.dev/services/compressor/extract"
	"tollgate.dev/services/compressor/stage/extractive"
)

func main() {
	folder := os.Getenv("TOLLGATE_DATA")
	if folder == "" {
		folder = "../shared/data"
	}
	data := flag.String("data", folder, "folder with labelled data, beside the project's own ($TOLLGATE_DATA)")
	misses := flag.Bool("misses", false, "print the questions whose answer is lost at 0.33")
	profile := flag.String("profile", compressor.DefaultProfile, "compression `PROFILE` of the bills")
	flag.Parse()
	b := bench{out: os.Stdout, clock: clock.Real(), misses: *misses, profile: *profile, runs: 100}
	b.selector = extract.New(&b.counter)
	if err := b.run(context.Background(), *data); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type bench struct {
	out      io.Writer
	clock    clock.Clock
	counter  tokens.Counter
	selector *extract.Selector
	misses   bool
	profile  string // of the bills
	runs     int    // with long texts
	aims     aims   // so far
}

// rates are those of the product's profiles, and a hard one.
var rates = []float64{0.5, 0.33, 0.2}

// smallRates are for the project's own sets, whose documents are short: at more than a tenth of
// their tokens hardly an answer is lost.
var smallRates = []float64{0.33, 0.2, 0.1, 0.05}

// long is the size, in tokens, of the prompt that large ones are measured with.
const long = 100_000

func (b *bench) run(ctx context.Context, folder string) error {
	sets, err := labelled.Load(folder)
	if err != nil {
		return err
	}
	own, err := labelled.Own()
	if err != nil {
		return err
	}
	for _, set := range sets {
		if err := b.answers(ctx, set); err != nil {
			return err
		}
	}
	if err := b.languages(ctx, own); err != nil {
		return err
	}
	if err := b.followUps(ctx, slices.Concat(sets, own)); err != nil {
		return err
	}
	if len(sets) == 0 {
		b.printf("\nThere is no labelled data in %q; what the whole service makes of prompts, and times, are of the project's own.\n", folder)
		sets = slices.DeleteFunc(own, func(s labelled.Set) bool { return s.Name != "en" })
	}
	if err := b.served(ctx, sets); err != nil {
		return err
	}
	if err := b.speed(ctx, sets); err != nil {
		return err
	}
	if err := b.toolResults(ctx); err != nil {
		return err
	}
	if err := b.bills(ctx); err != nil {
		return err
	}
	return b.aimed()
}

func (b *bench) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(b.out, format, args...) // nobody could be told
}

// way is how documents are given, and what chooses of them.
type way struct {
	name   string
	texts  func(*labelled.Item) []string
	choose func(b *bench, ctx context.Context, question string, texts []string, budget int64) ([]string, error)
	blind  bool // to the question: what the others are held against
}

func joined(it *labelled.Item) []string { return []string{it.Joined()} }

var ways = []way{
	{"extract", joined, (*bench).extract, false},
	{"extract, protected", joined, (*bench).guarded, false},
	{"extract, apart", (*labelled.Item).Apart, (*bench).extract, false},
	head,
	random,
}

var (
	head   = way{"head", joined, (*bench).head, true}
	random = way{"random sentences", joined, (*bench).random, true}
)

func (b *bench) count(texts ...string) (n int64, err error) {
	for _, t := range texts {
		c, err := b.counter.Count(tokens.O200k, t)
		if err != nil {
			return 0, err
		}
		n += c.Tokens
	}
	return n, nil
}

// answers prints, of a set, how many answers each way keeps at each rate, and what of its budget
// it uses.
func (b *bench) answers(ctx context.Context, set labelled.Set) error {
	b.printf("\n%s: %d questions\n%-22s %6s %8s   %-22s\n", set.Name, len(set.Items), "", "rate", "kept", "tokens/budget min mean max")
	by := make([][]figures, len(ways))
	for i, w := range ways {
		for _, rate := range rates {
			f, err := b.quality(ctx, set, w, rate)
			if err != nil {
				return err
			}
			by[i] = append(by[i], f)
			b.printf("%-22s %6.2f %7.1f%%   %.3f %.3f %.3f\n", w.name, rate, f.kept(), f.least, f.sum/float64(f.questions), f.most)
			if b.misses && rate == 0.33 && w.name == "extract" {
				for _, lost := range f.lost {
					b.printf("  lost: %q %q\n", lost.Question, lost.Answers)
				}
			}
		}
	}
	b.aims.kept(&set, by)
	return nil
}

// languages prints the same of the project's own small sets, a line for each language.
func (b *bench) languages(ctx context.Context, sets []labelled.Set) error {
	b.printf("\n%-8s %9s   %-31s %13s %15s   %s\n", "language", "questions", "kept, %, at 0.33 0.20 0.10 0.05", "head at 0.33", "random at 0.33", "tokens/budget, most")
	worst, mostHead, mostRandom := 100.0, 0.0, 0.0
	for _, set := range sets {
		b.printf("%-8s %9d       ", set.Name, len(set.Items))
		most := 0.0
		for _, rate := range smallRates {
			f, err := b.quality(ctx, set, ways[0], rate)
			if err != nil {
				return err
			}
			b.printf(" %6.1f", f.kept())
			most = max(most, f.most)
			if rate == 0.33 {
				worst = min(worst, f.kept())
			}
		}
		first, err := b.quality(ctx, set, head, 0.33)
		if err != nil {
			return err
		}
		chance, err := b.quality(ctx, set, random, 0.33)
		if err != nil {
			return err
		}
		b.printf(" %13.1f %15.1f   %.3f\n", first.kept(), chance.kept(), most)
		mostHead, mostRandom = max(mostHead, first.kept()), max(mostRandom, chance.kept())
	}
	b.aims.languages(len(sets), worst, mostHead, mostRandom)
	return nil
}

// followUps prints of sets how often what one question left of documents still answers a second one about
// another of them, to which it is all that is there: what was sent once stays as it is.
func (b *bench) followUps(ctx context.Context, sets []labelled.Set) error {
	b.printf("\nA second question about the same documents, after the first one's selection\n%-14s %9s   %s\n", "", "questions", "kept, %, at 0.50 0.33 0.20")
	for _, set := range sets {
		second := set.FollowUps()
		b.printf("%-14s %9d           ", set.Name, len(second.Items))
		for _, rate := range rates {
			f, err := b.quality(ctx, second, ways[0], rate)
			if err != nil {
				return err
			}
			b.printf(" %6.1f", f.kept())
		}
		b.printf("\n")
	}
	return nil
}

// figures are what a way made of a set's questions.
type figures struct {
	questions int
	lost      []*labelled.Item // whose answer is gone

	least, most, sum float64 // of the tokens by the budget
}

// kept is the percentage of questions whose answer stays.
func (f *figures) kept() float64 {
	return 100 * float64(f.questions-len(f.lost)) / float64(f.questions)
}

// quality has a way shorten the documents of each question of a set.
func (b *bench) quality(ctx context.Context, set labelled.Set, w way, rate float64) (figures, error) {
	f := figures{questions: len(set.Items), least: math.Inf(1)}
	for i := range set.Items {
		it := &set.Items[i]
		texts := w.texts(it)
		size, err := b.count(texts...)
		if err != nil {
			return f, err
		}
		budget := int64(rate * float64(size))
		out, err := w.choose(b, ctx, it.Question, texts, budget)
		if err != nil {
			return f, err
		}
		n, err := b.count(out...)
		if err != nil {
			return f, err
		}
		used := float64(n) / float64(budget)
		f.least, f.most, f.sum = min(f.least, used), max(f.most, used), f.sum+used
		if !it.Answered(out...) {
			f.lost = append(f.lost, it)
		}
	}
	return f, nil
}

func (b *bench) selectFrom(ctx context.Context, question string, texts []extract.Text, budget int64) ([]string, error) {
	res, err := b.selector.Select(ctx, extract.Request{Question: question, Texts: texts, Budget: budget, Encoding: tokens.O200k})
	return res.Texts, err
}

func (b *bench) extract(ctx context.Context, question string, texts []string, budget int64) ([]string, error) {
	in := make([]extract.Text, len(texts))
	for i, t := range texts {
		in[i].Text = t
	}
	return b.selectFrom(ctx, question, in, budget)
}

// guarded is extract with protected spans, as the stage has them.
func (b *bench) guarded(ctx context.Context, question string, texts []string, budget int64) ([]string, error) {
	in := make([]extract.Text, len(texts))
	for i, t := range texts {
		in[i] = extractive.Guard(t, question)
	}
	return b.selectFrom(ctx, question, in, budget)
}

// head is the text's beginning, up to the last word within the budget.
func (b *bench) head(_ context.Context, _ string, texts []string, budget int64) ([]string, error) {
	words := strings.SplitAfter(texts[0], " ")
	lo, hi := 0, len(words)
	for lo < hi {
		mid := (lo + hi + 1) / 2
		n, err := b.count(strings.Join(words[:mid], ""))
		if err != nil {
			return nil, err
		}
		if n <= budget {
			lo = mid
		} else {
			hi = mid - 1
		}
	}
	return []string{strings.Join(words[:lo], "")}, nil
}

// random keeps random sentences, with a seed of its own for each question.
func (b *bench) random(_ context.Context, question string, texts []string, budget int64) ([]string, error) {
	parts := strings.FieldsFunc(texts[0], func(r rune) bool { return strings.ContainsRune(".!?。！？\n", r) })
	seed := uint64(0)
	for _, c := range []byte(question) {
		seed = seed*31 + uint64(c)
	}
	keep := make([]bool, len(parts))
	used := int64(0)
	for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(parts)) { //nolint:gosec // repeatable on purpose
		n, err := b.count(parts[i])
		if err != nil {
			return nil, err
		}
		if used+n+2 <= budget { // its stop, and now and then a mark
			used += n + 2
			keep[i] = true
		}
	}
	var out []string
	for i, p := range parts {
		if keep[i] {
			out = append(out, p)
		}
	}
	return []string{strings.Join(out, ".")}, nil
}

// speed prints how long counting and selecting take, with texts that were counted before, and
// how long the service takes for whole prompts that it never saw.
func (b *bench) speed(ctx context.Context, sets []labelled.Set) error {
	b.printf("\nTime at rate 0.33\n%-22s %-9s %10s %10s %10s   %10s %10s %10s\n", "", "",
		"1k: least", "p50", "p99", "100k: least", "p50", "p99")
	for _, set := range sets {
		each, all, err := b.selecting(ctx, set)
		if err != nil {
			return err
		}
		b.times(set.Name, "select", each, all)
		b.aims.times(set.Name, each, all)
		if each, all, err = b.compressing(ctx, set); err != nil {
			return err
		}
		b.times("", "compress", each, all)
		if whole := len(set.Items) - 1 + b.runs - len(each) - len(all); whole > 0 {
			b.printf("%-22s of %d prompts %d went out whole, and are not in these times\n", "", len(set.Items)-1+b.runs, whole)
		}
	}
	return nil
}

func (b *bench) times(set, what string, each, all []time.Duration) {
	b.printf("%-22s %-9s %10v %10v %10v   %10v %10v %10v\n", set, what,
		percentile(each, 0), percentile(each, 50), percentile(each, 99), percentile(all, 0), percentile(all, 50), percentile(all, 99))
}

// selecting measures the selector: for a thousand tokens, and for a long text.
func (b *bench) selecting(ctx context.Context, set labelled.Set) (each, all []time.Duration, err error) {
	for round := range 3 {
		for i := range set.Items {
			text := set.Items[i].Joined()
			took, size, err := b.timed(ctx, set.Items[i].Question, text)
			if err != nil {
				return nil, nil, err
			}
			if round > 0 {
				each = append(each, perThousand(took, size))
			}
		}
	}
	text, err := b.longText(set, 0)
	if err != nil {
		return nil, nil, err
	}
	for i := range b.runs {
		took, _, err := b.timed(ctx, set.Items[i%len(set.Items)].Question, text)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, took)
	}
	return each, all, nil
}

// compressing measures Service.Compress, from a request's body to the smaller one. The
// service has met no prompt before, and none twice; words come again, as they do.
func (b *bench) compressing(ctx context.Context, set labelled.Set) (each, all []time.Duration, err error) {
	service, err := compressor.New(compressor.Options{
		Profiles: map[string]compressor.Profile{compressor.DefaultProfile: {Rate: 0.33}}, Timeout: time.Minute, MaxTextBytes: 1 << 20,
	})
	if err != nil {
		return nil, nil, err
	}
	// How long it took, or 0 where the question wants every word and the prompt goes out as it
	// came.
	once := func(question, text string) (time.Duration, int64, error) {
		body, err := encode(message{Role: "user", Content: text + "\n\nQuestion: " + question})
		if err != nil {
			return 0, 0, err
		}
		began := b.clock.Now()
		res, err := service.Compress(ctx, compressor.Request{Body: body, Provider: "openai", Model: "gpt-4o"})
		took := b.clock.Now().Sub(began)
		if err != nil || res.Body == nil {
			return 0, 0, err
		}
		return took, res.Original, nil
	}
	for i := range set.Items { // the first one builds the vocabulary
		took, size, err := once(set.Items[i].Question, set.Items[i].Joined())
		if err != nil {
			return nil, nil, err
		}
		if took > 0 && i > 0 {
			each = append(each, perThousand(took, size))
		}
	}
	for i := range b.runs {
		text, err := b.longText(set, i)
		if err != nil {
			return nil, nil, err
		}
		took, _, err := once(set.Items[i%len(set.Items)].Question, text)
		if err != nil {
			return nil, nil, err
		}
		if took > 0 {
			all = append(all, took)
		}
	}
	if len(each) == 0 || len(all) == 0 {
		return nil, nil, fmt.Errorf("%s: no prompt was shortened", set.Name)
	}
	return each, all, nil
}

// longText is a text of some more than long tokens, of a set's documents from an item on.
func (b *bench) longText(set labelled.Set, from int) (string, error) {
	var text strings.Builder
	for size, i := int64(0), from; size < long; i++ {
		part := set.Items[i%len(set.Items)].Joined()
		n, err := b.count(part)
		if err != nil {
			return "", err
		}
		text.WriteString(part)
		size += n
	}
	return text.String(), nil
}

func perThousand(took time.Duration, size int64) time.Duration {
	return took * 1000 / time.Duration(max(size, 1))
}

func (b *bench) timed(ctx context.Context, question, text string) (took time.Duration, size int64, err error) {
	if size, err = b.count(text); err != nil {
		return 0, 0, err
	}
	began := b.clock.Now()
	_, err = b.extract(ctx, question, []string{text}, size*33/100)
	return b.clock.Now().Sub(began), size, err
}

func percentile(all []time.Duration, p int) time.Duration {
	slices.Sort(all)
	return all[len(all)*p/100].Round(time.Microsecond)
}
