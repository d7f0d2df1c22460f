// Package cachecmd is `tollgate cache explain`: it shows which tier of the cache would serve
// the answer to one prompt for another, and which veto keeps it from that, without a gateway.
package cachecmd

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"tollgate.dev/services/cache"
	"tollgate.dev/services/cache/embed/static"
	"tollgate.dev/services/cache/explain"
)

const usage = `Show which tier of the cache would serve the answer to one prompt for another, and why not.

Usage:
  tollgate cache explain PROMPT PROMPT [--context] [--threshold SCORE] [--json]
  tollgate cache explain --file FILE [--context] [--threshold SCORE] [--json]

The prompts are the last texts that two users wrote; all else of their requests is taken to be equal, and to be
nothing that the model reads; with --context they have a system prompt, earlier turns or tools, and "you" is whom these
make of the model. FILE has a
pair of prompts a line, with a tab between; - is standard input. With --file a line is printed for each pair:
the decision, what decided, the cosine and the prompts; with --json an object a line.
--threshold is the score from 0 to 1 from which on an answer is served; without it, what the namespace has learned
from comparisons would decide in the semantic tier, which never serves below 0.85 then. The embedder is the one in the binary.
`

// Env is what a command gets from its process.
type Env struct {
	// Stdin is the file called `-`.
	Stdin io.Reader
	// Stdout takes the result, Stderr the help.
	Stdout, Stderr io.Writer
}

// options are what the arguments say.
type options struct {
	a, b, file string
	threshold  *float64
	context    bool
	json       bool
}

// Run explains the prompts that the arguments name, and writes the result.
func Run(ctx context.Context, env Env, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(env.Stderr, usage) // nobody to tell
		return err
	}
	if err != nil {
		return err
	}
	e, err := static.New()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(env.Stdout)
	one := func(a, b string) error {
		if !utf8.ValidString(a) || !utf8.ValidString(b) {
			return errors.New("the prompts are not UTF-8")
		}
		x, err := explain.Pair(ctx, e, a, b, !o.context, o.threshold)
		if err != nil {
			return err
		}
		switch {
		case o.json:
			enc := json.NewEncoder(out)
			enc.SetEscapeHTML(false)
			if o.file == "" {
				enc.SetIndent("", "  ")
			}
			return enc.Encode(x)
		case o.file != "":
			return line(out, x)
		}
		return page(out, x)
	}
	if o.file == "" {
		err = one(o.a, o.b)
	} else {
		err = env.pairs(o.file, one)
	}
	return errors.Join(err, out.Flush())
}

// parse reads flags before, between and after the prompts.
func parse(args []string) (o options, err error) {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" {
		return o, flag.ErrHelp
	}
	if args[0] != "explain" {
		return o, fmt.Errorf("unknown command %q; tollgate cache --help lists them", args[0])
	}
	flags := flag.NewFlagSet("explain", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is said once, by main
	flags.StringVar(&o.file, "file", "", "`FILE` with pairs")
	flags.BoolVar(&o.context, "context", false, "there is more that the model reads")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.Func("threshold", "`SCORE`", func(s string) error {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || !(v >= 0 && v <= 1) {
			return errors.New("from 0 to 1")
		}
		o.threshold = &v
		return nil
	})
	var prompts []string
	for rest := args[1:]; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return o, err
		} else if err != nil {
			return o, fmt.Errorf("%w; tollgate cache --help lists what there is", err)
		}
		if flags.NArg() == 0 {
			break
		}
		prompts, rest = append(prompts, flags.Arg(0)), flags.Args()[1:]
	}
	switch {
	case o.file != "" && len(prompts) > 0:
		return o, errors.New("either two prompts or --file")
	case o.file == "" && len(prompts) != 2:
		return o, fmt.Errorf("two prompts, not %d; tollgate cache --help tells more", len(prompts))
	case o.file == "":
		o.a, o.b = prompts[0], prompts[1]
	}
	return o, nil
}

// longest is the most that a line of a file may have, in bytes.
const longest = 1 << 20

// pairs reads a file.
func (e Env) pairs(name string, each func(a, b string) error) (err error) {
	from := e.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }() // it was only read
		from = file
	}
	s := bufio.NewScanner(from)
	s.Buffer(nil, longest)
	for n := 1; s.Scan(); n++ {
		if s.Text() == "" {
			continue
		}
		a, b, ok := strings.Cut(s.Text(), "\t")
		if !ok || strings.Contains(b, "\t") {
			return fmt.Errorf("%s: line %d is not two prompts with a tab between", name, n)
		}
		if err := each(a, b); err != nil {
			return fmt.Errorf("%s: line %d: %w", name, n, err)
		}
	}
	return s.Err()
}

// reason is what decided, in a word or two.
func reason(x explain.Explanation) string {
	switch x.Why {
	case explain.WhyUnfit:
		return cmp.Or(x.A.Unfit, x.B.Unfit)
	case explain.WhyVeto:
		return x.Vetoes[0].Rule
	case "":
		if x.Decision == explain.Near {
			return x.Near
		}
		return "-"
	}
	return x.Why
}

func number(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'f', 4, 64)
}

func line(w io.Writer, x explain.Explanation) error {
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.Decision, reason(x), number(x.Cosine), x.A.Text, x.B.Text)
	return err
}

// nears say how two forms are the same.
var nears = map[string]string{
	"equal":   "the forms are equal",
	"slip":    "the forms are equal but for a slip of the keyboard",
	"synonym": "the forms are equal but for a word of the same meaning",
}

// unfits say what a prompt is unfit for.
var unfits = map[string]string{
	"empty":    "is no question that another's answer may serve: it has no text",
	"long":     fmt.Sprintf("is no question that another's answer may serve: it has more than %d bytes", cache.MaxQuestionBytes),
	"garbled":  "is no question that another's answer may serve: U+FFFD stands in it",
	"blank":    "has nothing that can be seen, so that nothing is asked",
	"personal": "speaks of who asks, so that no other's answer fits",
	"time":     "speaks of a time that passes, so that no earlier answer fits",
}

// page writes an explanation for people.
func page(w io.Writer, x explain.Explanation) error {
	var b strings.Builder
	row := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-10s", name)
		fmt.Fprintf(&b, format+"\n", args...)
	}
	for _, p := range []struct {
		name string
		explain.Prompt
	}{{"A", x.A}, {"B", x.B}} {
		row(p.name, "%s", p.Text)
		row("", "form %q, read as %s", p.Form, p.Manner)
		if p.Unfit != "" {
			row("", "%s: %s", p.Unfit, unfits[p.Unfit])
		}
	}
	if x.Near != "" {
		row("near", "%s: a score of %g", nears[x.Near], x.NearScore)
	} else {
		row("near", "the forms are not the same")
	}
	for _, v := range x.Vetoes {
		row("veto", "%s: %q and %q", v.Rule, v.A, v.B)
	}
	if len(x.Vetoes) == 0 {
		row("veto", "none")
	}
	from := fmt.Sprintf("none is set: the namespace learns one, of %g or more", cache.DefaultFloor)
	if x.Threshold != nil {
		from = number(x.Threshold)
	}
	row("semantic", "cosine %s by %s; threshold: %s", number(x.Cosine), x.Embedder, from)
	row("decision", "%s", decisions[x.Decision+x.Why])
	_, err := io.WriteString(w, b.String())
	return err
}

// decisions say in a sentence what was decided and by what.
var decisions = map[string]string{
	explain.Exact:                       "exact: the prompts are the same bytes",
	explain.Near:                        "near: an answer to one is served for the other",
	explain.Semantic:                    "semantic: an answer to one is served for the other",
	explain.Learn:                       "semantic, once the namespace has proven a threshold that the cosine reaches; a miss until then",
	explain.Miss + explain.WhyUnfit:     "miss: only the same bytes are ever served for it",
	explain.Miss + explain.WhyVeto:      "miss: the first veto decides",
	explain.Miss + explain.WhyThreshold: "miss: no score reaches the threshold",
	explain.Miss + explain.WhyFloor:     fmt.Sprintf("miss: the cosine is below %g, and no smaller threshold is learned", cache.DefaultFloor),
	explain.Miss + explain.WhyEmbedder:  "miss: one of the prompts has no vector of the embedder",
}
