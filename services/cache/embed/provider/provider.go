// Package provider embeds texts by any API that answers POST …/embeddings as OpenAI does
// (https://platform.openai.com/docs/api-reference/embeddings/create, November 2026).
package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/secret"
	"tollgate.dev/services/cache/embed"
)

// Doer sends requests, as [http.Client] does. It holds them to the hosts that may be called,
// and follows no redirect: one would take the key along. Of a request that did not leave this host
// whole, its error is [ErrUnsent].
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// ErrUnsent is in the causes of an error where it is certain that no provider can have worked on the
// request, and so that none bills it.
var ErrUnsent = errors.New("provider: the request did not leave")

// Options are of one model at one provider. URL, Model and Dim must be given.
type Options struct {
	// URL is the API's base, as https://api.openai.com/v1.
	URL string
	// Key is sent as a bearer's; none when it is zero.
	Key secret.String
	// Model is the provider's name of it.
	Model string
	// Dim is how many numbers its vectors have.
	Dim int
	// Shorten asks for Dim numbers of a model that has more, as text-embedding-3 allows.
	Shorten bool
	// Floats asks for decimal numbers, for providers that know no base64. Such an answer is
	// some four times as long.
	Floats bool
	// Timeout bounds a call, besides its context; 0 is 2 s.
	Timeout time.Duration
}

const (
	defaultTimeout = 2 * time.Second
	// maxBytes is the length from which on a text is too long. OpenAI's models read 8,192
	// tokens, which are seldom more bytes.
	maxBytes = 32 << 10
	maxDim   = 1 << 14
	// maxRefusals of texts in a row, with none answered, are about them; more are about all, as
	// where the model's options are wrong.
	maxRefusals = 16
)

// Embedder embeds by a provider. It is safe for concurrent use.
type Embedder struct {
	do       Doer
	opts     Options
	url      string
	version  string
	maxReply int64
	// refusals of texts in a row, since one was answered.
	refusals atomic.Int64
}

// New returns an embedder. It calls nobody. Its errors are of options that cannot be.
func New(do Doer, opts Options) (*Embedder, error) {
	u, err := url.Parse(opts.URL)
	switch {
	case do == nil:
		return nil, errors.New("provider: nothing to send requests by")
	case err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http"):
		return nil, errors.New("provider: the URL is not of http or https") // it may hold a credential
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("provider: the URL is more than a host and a path")
	case opts.Model == "":
		return nil, errors.New("provider: no model")
	case opts.Dim < 1 || opts.Dim > maxDim:
		return nil, fmt.Errorf("provider: vectors of %d numbers: from 1 to %d can be", opts.Dim, maxDim)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = defaultTimeout
	}
	base := strings.TrimRight(opts.URL, "/")
	return &Embedder{
		do: do, opts: opts, url: base + "/embeddings",
		version: fmt.Sprintf("provider-1 %s %s %d", base, opts.Model, opts.Dim),
		// A decimal number takes some 25 characters at the most.
		maxReply: int64(opts.Dim)*32 + 16<<10,
	}, nil
}

// Dim is the number of dimensions.
func (e *Embedder) Dim() int { return e.opts.Dim }

// Version names the API, the model and the dimension. A provider that changes a model under
// the same name is not noticed.
func (e *Embedder) Version() string { return e.version }

type request struct {
	Model      string `json:"model"`
	Input      string `json:"input"`
	Encoding   string `json:"encoding_format"`
	Dimensions int    `json:"dimensions,omitempty"`
}

type reply struct {
	Data []struct {
		Embedding json.RawMessage `json:"embedding"`
	} `json:"data"`
	Usage struct {
		PromptTokens *int64 `json:"prompt_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

// bill is what the provider says, if it does.
func (r *reply) bill() embed.Bill {
	if n := r.Usage.PromptTokens; n != nil && *n >= 0 {
		return embed.Bill{Tokens: *n}
	}
	return unknown
}

// unknown is the bill for what was asked, and left open what it costs.
var unknown = embed.Bill{Unknown: true}

// Embed is [embed.Embedder]'s, for texts below 32 KiB. It makes one call and does not
// repeat it. Its errors are [embed]'s, provider_error, provider_unavailable, provider_timeout and
// provider_rate_limited of [errs], and the context's. Nothing is billed for a request that did not
// leave, and for one that was refused, by a status other than 200 or an error in the answer's place.
// Tokens are billed even where an answer is of no use. What a call costs is unknown that brought no
// answer, none that can be read, or one without usage.
func (e *Embedder) Embed(ctx context.Context, text string, to []float32) (embed.Bill, error) {
	if err := ctx.Err(); err != nil {
		return embed.Bill{}, err
	}
	if len(text) >= maxBytes {
		return embed.Bill{}, embed.ErrTooLong
	}
	if strings.TrimFunc(text, unicode.IsSpace) == "" {
		return embed.Bill{}, embed.ErrNothing
	}
	bounded, cancel := context.WithTimeout(ctx, e.opts.Timeout)
	defer cancel()
	body, bill, err := e.call(bounded, text)
	if err != nil {
		if ctx.Err() != nil {
			return bill, ctx.Err()
		}
		if bounded.Err() != nil {
			return bill, errs.New(errs.ProviderTimeout, "the provider of embeddings did not answer in time").WithCause(bounded.Err())
		}
		return bill, err
	}
	return e.read(body, to)
}

// call returns the provider's answer; the bill is that of a call without one.
func (e *Embedder) call(ctx context.Context, text string) ([]byte, embed.Bill, error) {
	asked := request{Model: e.opts.Model, Input: strings.ToValidUTF8(text, "\ufffd"), Encoding: "base64"}
	if e.opts.Floats {
		asked.Encoding = "float"
	}
	if e.opts.Shorten {
		asked.Dimensions = e.opts.Dim
	}
	data, err := json.Marshal(asked)
	if err != nil {
		return nil, embed.Bill{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(data))
	if err != nil {
		return nil, embed.Bill{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if !e.opts.Key.IsZero() {
		req.Header.Set("Authorization", "Bearer "+e.opts.Key.Reveal())
	}
	resp, err := e.do.Do(req)
	if err != nil {
		bill := embed.Bill{Unknown: !errors.Is(err, ErrUnsent)}
		if de, ok := errors.AsType[*errs.Error](err); ok { // a host that is not allowed, and the like
			return nil, bill, de
		}
		return nil, bill, errs.New(errs.ProviderUnavailable, "the provider of embeddings could not be reached").WithCause(cause(err))
	}
	defer func() { _ = resp.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, e.maxReply+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		return nil, embed.Bill{}, e.refused(resp)
	case err != nil:
		return nil, unknown, errs.New(errs.ProviderUnavailable, "the provider's answer broke off").WithCause(cause(err))
	case int64(len(body)) > e.maxReply:
		return nil, unknown, errs.Newf(errs.ProviderError, "the provider answered with more than %d bytes", e.maxReply)
	}
	return body, unknown, nil
}

// cause is an error without the URL that http.Client puts into it.
func cause(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}

// refused names an answer that is none. What it says may quote the text, and is not repeated.
// A status that is about the text says nothing of the provider, until it comes for many in a row.
func (e *Embedder) refused(resp *http.Response) error {
	switch status := resp.StatusCode; {
	case ofText(status) && e.refusals.Add(1) <= maxRefusals:
		return embed.ErrRefused
	case status == http.StatusTooManyRequests:
		err := errs.New(errs.ProviderRateLimited, "the rate limit of the provider of embeddings is reached")
		if s, parse := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 32); parse == nil && s > 0 {
			return err.WithRetryAfter(time.Duration(s) * time.Second)
		}
		return err
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return errs.New(errs.ProviderError, "the provider of embeddings refused the credential")
	case status == http.StatusNotFound:
		return errs.New(errs.ProviderError, "the provider does not serve the embedding model")
	case status == http.StatusRequestTimeout || status == http.StatusGatewayTimeout:
		return errs.New(errs.ProviderTimeout, "the provider of embeddings did not answer in time")
	case status == http.StatusServiceUnavailable || status == http.StatusBadGateway:
		return errs.New(errs.ProviderUnavailable, "the provider of embeddings is not available")
	default:
		return errs.Newf(errs.ProviderError, "the provider of embeddings answered with status %d", status)
	}
}

// ofText tells whether a status is about what was sent.
func ofText(status int) bool {
	return status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge || status == http.StatusUnprocessableEntity
}

func (e *Embedder) read(body []byte, to []float32) (embed.Bill, error) {
	var r reply
	switch err := json.Unmarshal(body, &r); {
	case err != nil:
		return unknown, errs.New(errs.ProviderError, "the provider's answer is not one of embeddings")
	case len(r.Data) == 0 && len(r.Error) > 0 && string(r.Error) != "null":
		return embed.Bill{}, errs.New(errs.ProviderError, "the provider of embeddings answered with an error")
	case len(r.Data) != 1:
		return r.bill(), errs.New(errs.ProviderError, "the provider's answer is not one of embeddings")
	}
	n, err := decode(r.Data[0].Embedding, to[:e.opts.Dim])
	if err != nil {
		return r.bill(), errs.New(errs.ProviderError, "the provider's answer is not one of embeddings").WithCause(err)
	}
	if n != e.opts.Dim {
		return r.bill(), errs.Newf(errs.ProviderError, "the provider's vector has %d numbers, not %d", n, e.opts.Dim)
	}
	e.refusals.Store(0)
	return r.bill(), normalize(to[:n])
}
