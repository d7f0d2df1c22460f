// Package compresscmd is `tollgate compress`: it shows what the compressor makes of a
// document or of a whole request, and what that saves, without a gateway and without a
// provider.
package compresscmd

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"tollgate.dev/platform/clock"
	"tollgate.dev/platform/config"
	"tollgate.dev/platform/pricing"
	"tollgate.dev/platform/spelling"
	"tollgate.dev/platform/tokens"
	"tollgate.dev/services/app"
	"tollgate.dev/services/compressor"
)

const usage = `Show what compression makes of a text, and what that saves.

Usage:
  tollgate compress FILE [--profile NAME] [--question TEXT] [--rate SHARE] [--model PROVIDER/MODEL|NAME]
                         [--config FILE] [--format diff|text|json | --json] [--color auto|always|never]

FILE is a document, taken as what a tool returned or a search found, or a chat-completions request in JSON,
taken as it is; - is standard input. What is left out is shown as [-so-], what stands in its place as {+so+},
on a terminal in red and green too, unless NO_COLOR is set. Where the text has such marks itself, longer ones
are taken ([--so--]), and told above it. --format text prints the compressed text or request alone, json
everything; --json is short for that.
Profiles are off, default, rag and chat, as --config (TOLLGATE_CONFIG) changes them; the default is default.
--question is what the document is to answer. Models are as in a configuration; the default is openai/gpt-4o.
With --config, --model may also be a name of its model_list, which a request's "model" names by itself; prices
and base models are the configuration's. It exits with 0, or with 1 where the file cannot be shown.
`

// Env is what a command gets from its process.
type Env struct {
	// Lookup finds environment variables.
	Lookup func(name string) (string, bool)
	// Stdin is the file called `-`.
	Stdin io.Reader
	// Stdout takes the result, Stderr the help.
	Stdout, Stderr io.Writer
	// Terminal tells whether Stdout is one.
	Terminal bool
}

// maxFile is the most that a file may have, in bytes: what the gateway takes by default.
const maxFile = 10 << 20

// timeout is how long a compression may take here, where nobody waits for an answer.
const timeout = time.Minute

// modelTimeout is as much where a model is asked.
const modelTimeout = 10 * time.Minute

// options are what the flags say.
type options struct {
	file, profile, question, model, config, format string
	rate                                           float64
	color, terminal                                bool
	// serves are the deployments that may serve, the likely one first: what provider and model
	// the flags name, or those of a name of the configuration.
	serves []compressor.Deployment
}

// likely is the deployment that is likely to serve.
func (o *options) likely() compressor.Deployment { return o.serves[0] }

// name is its provider and model, as they are written in a configuration.
func (o *options) name() string { return o.likely().Provider + "/" + o.likely().Model }

// Run compresses the file that the arguments name, and writes the result.
func Run(ctx context.Context, env Env, args []string) error {
	o, err := env.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, _ = io.WriteString(env.Stderr, usage) // nobody to tell
		return err
	}
	if err != nil {
		return err
	}
	in, err := env.load(o.file)
	if err != nil {
		return err
	}
	c, err := env.open(ctx, &o, in)
	if err != nil {
		return err
	}
	defer c.done()
	report, err := c.report(ctx, o, in)
	if err != nil {
		return err
	}
	report.price = c.price(o, env.Stderr)
	return report.write(env.Stdout)
}

// input is a file's text.
type input struct {
	text  string
	whole bool   // it is a request
	model string // that a request names
}

// load reads the file.
func (e Env) load(file string) (in input, err error) {
	if in.text, err = e.read(file); err != nil {
		return in, err
	}
	if in.model, in.whole, err = request(in.text); err != nil {
		return in, fmt.Errorf("%s: %w", file, err)
	}
	return in, nil
}

// compression is what compresses here, and what its work is priced by.
type compression struct {
	service *compressor.Service
	opts    compressor.Options
	table   *pricing.Table // as shipped
	profile compressor.Profile
	done    func() // closes what the options hold
}

// open makes a compressor by the flags and the configuration, and finds who serves. What it opened is
// closed where it fails.
func (e Env) open(ctx context.Context, o *options, in input) (_ *compression, err error) {
	c := &compression{}
	if c.table, err = pricing.Default(clock.Real().Now()); err != nil {
		return nil, fmt.Errorf("shipped price table: %w", err)
	}
	var deployments []config.Deployment
	if c.opts, deployments, c.done, err = e.options(ctx, *o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.done()
		}
	}()
	if c.opts.Prices == nil {
		c.opts.Prices = compressor.Listed{Table: c.table}
	}
	if c.opts.Profiles == nil {
		c.opts.Profiles = compressor.Profiles()
	}
	if o.serves, err = serving(o.model, in.model, deployments); err != nil {
		return nil, err
	}
	if c.service, err = compressor.New(c.opts); err != nil {
		return nil, err
	}
	var ok bool
	if c.profile, ok = c.opts.Profiles[o.profile]; !ok && o.profile != profileOff {
		names := slices.Sorted(maps.Keys(c.opts.Profiles))
		return nil, fmt.Errorf("--profile %q: %s or %s", o.profile, strings.Join(names, ", "), profileOff)
	}
	return c, nil
}

// report is what becomes of the file, without a price.
func (c *compression) report(ctx context.Context, o options, in input) (r report, err error) {
	if in.whole && o.question != "" {
		return r, fmt.Errorf("--question is for a document; %s is a request, which has its own", o.file)
	}
	body := []byte(in.text)
	if !in.whole {
		if body, err = wrap(in.text, o.question, false); err != nil {
			return r, err
		}
	}
	r = report{options: o, whole: in.whole, original: body, minTokens: c.profile.MinTokens}
	if o.profile == profileOff {
		return r, nil
	}
	if r.result, err = compress(ctx, c.service, o, body); err != nil {
		return r, err
	}
	if !in.whole && r.result.Body != nil {
		r.tools, err = withTools(ctx, c.service, o, in.text)
	}
	return r, err
}

// price is that of the deployment that is likely to serve; nil where none is known, which is told.
func (c *compression) price(o options, tell io.Writer) *pricing.Price {
	d := o.likely()
	if price, listed := c.opts.Prices.Price(d.ID, d.Provider, d.Model); listed {
		return price
	}
	encoding := tokens.ForModel(d.Provider, d.Model)
	if c.opts.Encoding != nil {
		encoding = c.opts.Encoding(d.ID, d.Provider, d.Model)
	}
	_, _ = fmt.Fprintf(tell, "tollgate: no price is known of %s%s: what is saved is told in tokens alone, by %s\n",
		o.name(), alike(c.table, &o), encoding) // nobody to tell otherwise
	return nil
}

// alike is the question whether a model of the table is meant by one that is not in it; empty
// where none has a name that is near.
func alike(table *pricing.Table, o *options) string {
	var names []string
	for _, p := range table.Prices() {
		names = append(names, p.Provider+"/"+p.Model)
	}
	if near := spelling.Nearest(o.name(), names); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// withTools is what becomes of a document in a conversation in which the model has tools, which
// goes on, and is not to become shorter than what its provider keeps.
func withTools(ctx context.Context, service *compressor.Service, o options, document string) (*compressor.Result, error) {
	body, err := wrap(document, o.question, true)
	if err != nil {
		return nil, err
	}
	result, err := compress(ctx, service, o, body)
	return &result, err
}

// profileOff is the profile that compresses nothing.
const profileOff = "off"

// parse reads flags before and after the file's name.
func (e Env) parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("compress", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // an error is said once, by main
	flags.StringVar(&o.profile, "profile", compressor.DefaultProfile, "compression `PROFILE`")
	flags.StringVar(&o.question, "question", "", "`TEXT` of the question")
	flags.Float64Var(&o.rate, "rate", 0, "`SHARE` of tokens to keep")
	flags.StringVar(&o.model, "model", "", "`PROVIDER/MODEL` or a name of the configuration")
	flags.StringVar(&o.config, "config", "", "configuration `FILE`")
	flags.StringVar(&o.format, "format", "diff", "diff, text or json")
	flags.BoolFunc("json", "short for --format json", func(string) error { o.format = "json"; return nil })
	color := flags.String("color", "auto", "auto, always or never")
	for rest := args; ; {
		if err := flags.Parse(rest); errors.Is(err, flag.ErrHelp) {
			return o, err
		} else if err != nil {
			return o, fmt.Errorf("%w; tollgate compress --help lists what there is", err)
		}
		if flags.NArg() == 0 {
			break
		}
		if o.file != "" {
			return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
		}
		o.file, rest = flags.Arg(0), flags.Args()[1:]
	}
	quiet, _ := e.Lookup("NO_COLOR") // https://no-color.org
	kind, _ := e.Lookup("TERM")
	o.color = *color == "always" || *color == "auto" && e.Terminal && quiet == "" && kind != "dumb"
	o.terminal = e.Terminal
	switch {
	case o.file == "":
		return o, errors.New("which file? tollgate compress --help tells more")
	case !slices.Contains([]string{"diff", "text", "json"}, o.format):
		return o, fmt.Errorf("--format %q: diff, text or json", o.format)
	case !slices.Contains([]string{"auto", "always", "never"}, *color):
		return o, fmt.Errorf("--color %q: auto, always or never", *color)
	case given(flags, "rate") && !(o.rate > 0 && o.rate <= 1):
		return o, fmt.Errorf("--rate %v: above 0 and at most 1", o.rate)
	}
	return o, nil
}

// given tells whether a flag is among the arguments.
func given(flags *flag.FlagSet, name string) (found bool) {
	flags.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

// read returns a file's text.
func (e Env) read(name string) (_ string, err error) {
	from := e.Stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return "", err
		}
		defer func() {
			if cerr := file.Close(); err == nil {
				err = cerr
			}
		}()
		from = file
	}
	raw, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	switch {
	case err != nil:
		return "", err
	case len(raw) > maxFile:
		return "", fmt.Errorf("%s has more than %d MiB", name, maxFile>>20)
	case !utf8.Valid(raw):
		return "", fmt.Errorf("%s is not UTF-8", name)
	case len(bytes.TrimSpace(raw)) == 0:
		return "", fmt.Errorf("%s is empty", name)
	}
	return string(raw), nil
}

// options are how the compressor works, as the configuration has it, with its deployments. The
// function that comes with them closes what they hold, and is never nil.
func (e Env) options(ctx context.Context, o options) (opts compressor.Options, deployments []config.Deployment, done func(), err error) {
	counter := new(tokens.Counter)
	opts, done = compressor.Options{Counter: counter}, func() {}
	if _, named := e.Lookup("TOLLGATE_CONFIG"); named || o.config != "" {
		source, err := config.Open(o.config, e.Lookup)
		if err != nil {
			return opts, nil, done, err
		}
		cfg, _, err := config.Load(source)
		if err != nil {
			return opts, nil, done, err
		}
		if opts, done, err = app.Compression(ctx, cfg, clock.Real(), counter); err != nil {
			return opts, nil, done, err
		}
		deployments = cfg.Deployments
	}
	opts.Timeout, opts.ModelTimeout = timeout, modelTimeout // nobody waits for an answer here
	return opts, deployments, done, nil
}

// defaultModel is who names no model asked.
const defaultModel = "openai/gpt-4o"

// serving are the deployments that may serve a model: that the flag names, or else the request where
// the configuration has it. The flag may name what is not in the configuration by provider and model.
func serving(flagged, requested string, deployments []config.Deployment) (all []compressor.Deployment, err error) {
	find := func(is func(*config.Deployment) bool) {
		for i := range deployments {
			if d := &deployments[i]; is(d) {
				all = append(all, compressor.Deployment{Provider: string(d.Provider), Model: d.UpstreamModel, ID: d.ID})
			}
		}
	}
	find(func(d *config.Deployment) bool { return d.ModelName == cmp.Or(flagged, requested) })
	if all != nil {
		return all, nil
	}
	flagged = cmp.Or(flagged, defaultModel)
	provider, model, _ := strings.Cut(flagged, "/")
	if model == "" {
		return nil, fmt.Errorf("--model %q: a provider and a model, such as %s, or a name of the configuration", flagged, defaultModel)
	}
	find(func(d *config.Deployment) bool { return string(d.Provider) == provider && d.UpstreamModel == model })
	if all == nil {
		all = []compressor.Deployment{{Provider: provider, Model: model}}
	}
	return all, nil
}

// request tells whether a text is a chat-completions request, and which model that names. One of
// Anthropic's Messages API is an error where its form tells it: what the two forms do not share would
// be passed over here, and the gateway takes none.
func request(text string) (model string, ok bool, err error) {
	var r struct {
		Model    string          `json:"model"`
		System   json.RawMessage `json:"system"`
		Messages []struct {
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	ok = strings.HasPrefix(strings.TrimSpace(text), "{") && json.Unmarshal([]byte(text), &r) == nil && r.Messages != nil
	if !ok {
		return "", false, nil
	}
	foreign := r.System != nil
	for _, m := range r.Messages {
		var parts []struct {
			Type string `json:"type"`
		}
		if json.Unmarshal(m.Content, &parts) != nil {
			continue // a text
		}
		for _, p := range parts {
			foreign = foreign || slices.Contains([]string{"tool_use", "tool_result", "thinking", "redacted_thinking"}, p.Type)
		}
	}
	if foreign {
		return "", false, errors.New("this is a request in the form of Anthropic's Messages API; the gateway takes chat completions for Anthropic's models too (docs/04-API.md)")
	}
	return r.Model, true, nil
}

// wrap puts a document into a request, as what a tool returned to a question.
func wrap(document, question string, tools bool) ([]byte, error) {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var messages []message
	if question != "" {
		messages = append(messages, message{"user", question})
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	request := map[string]any{"messages": append(messages, message{"tool", document})}
	if tools {
		request["tools"] = []any{}
	}
	err := enc.Encode(request)
	return bytes.TrimSpace(out.Bytes()), err
}

// compress runs twice, so that the time is that of a gateway whose vocabularies are loaded. A
// model is asked once, and remembers what it said.
func compress(ctx context.Context, service *compressor.Service, o options, body []byte) (result compressor.Result, err error) {
	d := o.likely()
	for range 2 {
		result, err = service.Compress(ctx, compressor.Request{
			Body: body, Profile: o.profile, Rate: o.rate, Provider: d.Provider, Model: d.Model, DeploymentID: d.ID, Others: o.serves[1:],
		})
		if err != nil {
			return result, err
		}
		if result.Engine == compressor.LLMLingua2 {
			break
		}
	}
	if result.Original == 0 {
		return result, errors.New("the request cannot be read as one of chat completions")
	}
	return result, nil
}
