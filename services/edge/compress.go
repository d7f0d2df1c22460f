package edge

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"strconv"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/pricing"
)

// compressionOff is the profile that asks for none, defaultProfile that of who names none.
const (
	compressionOff = "off"
	defaultProfile = "default"
)

// compression is how a prompt is to be compressed. The zero value is not at all.
type compression struct {
	profile string
	rate    float64 // in place of the profile's; 0 is the profile's
}

// key tells compressions apart that may have different answers.
func (c compression) key() string {
	if c.rate == 0 {
		return c.profile
	}
	return c.profile + " " + strconv.FormatFloat(c.rate, 'g', -1, 64)
}

// wantedCompression is what the request asks for by its header `X-Compress` or its member
// `compress`; without either, what its key or tenant asks for.
func (c *completion) wantedCompression() (compression, error) {
	if !c.e.opts.Compression {
		_, err := c.askedCompression() // what is wrong is wrong all the same
		return compression{}, err
	}
	return c.askedCompression()
}

func (c *completion) askedCompression() (compression, error) {
	own := compression{profile: c.principal.CompressionProfile()}
	if own.profile == compressionOff {
		own.profile = ""
	}
	if profile := c.r.Header.Get("X-Compress"); profile != "" {
		return named(profile, "X-Compress")
	}
	m, ok := c.req.fields.Get("compress")
	if !ok {
		return own, nil
	}
	raw := m.Raw(c.req.body)
	switch m.Kind {
	case jsonscan.KindNull:
		return own, nil
	case jsonscan.KindFalse:
		return compression{}, nil
	case jsonscan.KindTrue:
		return own.orDefault(), nil
	case jsonscan.KindString:
		if text, err := jsonscan.String(raw); err == nil {
			return named(text, "compress")
		}
	case jsonscan.KindObject:
		return settings(raw, own)
	default:
	}
	return compression{}, errs.New(errs.InvalidRequest, "compress must be a profile's name, true, false, or an object with profile and rate").WithParam("compress")
}

// settings reads the member `compress` as an object.
func settings(raw []byte, c compression) (compression, error) {
	var given struct {
		Profile *string  `json:"profile"`
		Rate    *float64 `json:"rate"`
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&given) != nil {
		return c, errs.New(errs.InvalidRequest, "compress has members profile, a text, and rate, a number").WithParam("compress")
	}
	c = c.orDefault()
	if given.Profile != nil {
		var err error
		if c, err = named(*given.Profile, "compress"); err != nil || c.profile == "" {
			return c, err
		}
	}
	if r := given.Rate; r != nil {
		if !(*r > 0 && *r <= 1) {
			return c, errs.New(errs.InvalidRequest, "compress.rate must be above 0 and at most 1").WithParam("compress")
		}
		c.rate = *r
	}
	return c, nil
}

// orDefault is the compression of who asks for one and names none.
func (c compression) orDefault() compression {
	if c.profile == "" {
		c.profile = defaultProfile
	}
	return c
}

// named is the compression by a profile that a request names in a place.
func named(profile, place string) (compression, error) {
	switch {
	case profile == compressionOff:
		return compression{}, nil
	case !compresses(profile):
		return compression{}, errs.Newf(errs.InvalidRequest, "%s must be off, default, rag or chat", place).WithParam(place)
	}
	return compression{profile: profile}, nil
}

// compresses tells whether a profile is there.
func compresses(profile string) bool {
	switch profile {
	case defaultProfile, "rag", "chat":
		return true
	}
	return false
}

// compress makes the prompt smaller where that was asked for. It comes after the
// cache, and whatever goes wrong, the original goes out.
func (c *completion) compress(ctx context.Context) {
	if c.compression.profile == "" {
		return
	}
	start := c.e.Clock.Now()
	bounded, cancel := atMost(ctx, c.e.opts.CompressionTimeouts[c.compression.profile])
	defer cancel()
	resp, err := c.e.Services.Compressor.Compress(bounded, c.compressRequest())
	result, took := obs.CompressionSkipped, c.e.Clock.Now().Sub(start)
	c.compressorReply = resp
	switch {
	case err != nil:
		result = obs.CompressionFailed
		c.e.Log.WarnContext(ctx, "the prompt was not compressed", "error", err)
	case len(resp.GetBody()) > 0:
		if c.req.replace(resp.GetBody()) != nil {
			result, c.compressorReply = obs.CompressionFailed, nil
			break
		}
		result = obs.Compressed
		c.compressed = resp
	default:
		switch {
		case resp.GetLate():
			result = obs.CompressionLate
		case resp.GetFailed():
			result = obs.CompressionFailed
		case resp.GetTooLong():
			result = obs.CompressionTooLong
		}
		if resp.GetCacheLostTokens() > 0 { // the original goes out, and costs more for that
			c.compressed = resp
		}
	}
	c.compressionSkipped = skipReason(result, resp.GetTooLong())
	c.e.Metrics.Compression(obs.Compression{
		Profile: c.compression.profile, Engine: resp.GetEngine(), Result: result,
		Original: resp.GetOriginalTokens(), Compressed: resp.GetCompressedTokens(), Took: took,
	})
}

// skipReason is why text that might have been shortened was not, of a compression with a result; a
// prompt of which other text was shortened may have text that is too long, too.
func skipReason(result obs.CompressionResult, tooLong bool) string {
	switch {
	case result == obs.CompressionLate:
		return "late"
	case result == obs.CompressionFailed:
		return "failed"
	case tooLong:
		return "too_long"
	}
	return ""
}

// compressRequest tells of all deployments that may serve, in the same order in each turn, so
// that their caches are thought of in the same way.
func (c *completion) compressRequest() *compressorv1.CompressRequest {
	req := &compressorv1.CompressRequest{
		Body: c.req.body, Profile: c.compression.profile, Rate: c.compression.rate, Provider: c.model.provider, TenantId: c.principal.TenantID,
		ForgetOmitted: c.forgets(),
	}
	for i, d := range c.model.deployments {
		if i == 0 {
			req.Provider, req.Model, req.DeploymentId = d.GetProvider(), d.GetUpstreamModel(), d.GetId()
			continue
		}
		req.Others = append(req.Others, &compressorv1.Deployment{Provider: d.GetProvider(), Model: d.GetUpstreamModel(), DeploymentId: d.GetId()})
	}
	return req
}

// forgets tells that nothing of the prompt may be kept: the caller says no-store, or its key or team
// keeps no answers of the model.
func (c *completion) forgets() bool {
	return c.req.cache.noStore || c.principal.Caching(c.model.name).Disabled
}

// savedByCompression is what the tokens that were left out would have cost, less what is not
// read from the provider's prompt cache any more. It is below 0 when that is more.
func (c *completion) savedByCompression() money.Nano {
	r := c.compressed
	if r == nil || c.found != nil {
		return 0
	}
	return pricing.Compressed{
		Original: r.GetOriginalTokens(), Compressed: r.GetCompressedTokens(), Read: r.GetCacheReadTokens(), Lost: r.GetCacheLostTokens(),
	}.Saved(c.rated)
}

// rated is what prompt tokens cost at the deployment that served.
func (c *completion) rated(u pricing.Usage) money.Nano {
	cost, _ := c.costOf(c.outcome.served, &usagev1.Usage{Input: u.Input, CachedInput: u.CachedInput})
	return cost
}

// compressionRecord is what the ledger says of a compression, and what it saved: nothing of one that
// found nothing to shorten.
func (c *completion) compressionRecord() (*eventv1.Compression, money.Nano) {
	if c.compressed == nil && c.compressionSkipped == "" || c.found != nil {
		return nil, 0
	}
	r := c.compressorReply
	return &eventv1.Compression{
		Engine: cmp.Or(r.GetEngine(), "none"), Profile: c.compression.profile, Micros: r.GetMicros(),
		OriginalTokens: r.GetOriginalTokens(), CompressedTokens: r.GetCompressedTokens(), Skipped: c.compressionSkipped,
	}, c.savedByCompression()
}

// replace puts another body in the request's place, or leaves the request as it is.
func (c *chatRequest) replace(body []byte) error {
	var fields jsonscan.Fields
	if err := fields.Scan(body); err != nil {
		return err
	}
	c.body, c.fields = body, fields
	return nil
}
