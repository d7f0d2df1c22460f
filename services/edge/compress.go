package edge

import (
	"context"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	usagev1 "tollgate.dev/gen/tollgate/usage/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/obs"
)

// compressionOff is the profile that asks for none.
const compressionOff = "off"

// compressionProfile is what the request asks for by its header `X-Compress` or its
// member `compress`; without either, what its key or tenant asks for. Empty is none.
func (c *completion) compressionProfile() (string, error) {
	profile, named := c.r.Header.Get("X-Compress"), "X-Compress"
	if m, ok := c.req.fields.Get("compress"); ok && profile == "" && m.Kind == jsonscan.KindString {
		text, err := jsonscan.String(m.Raw(c.req.body))
		if err != nil {
			return "", errs.New(errs.InvalidRequest, "compress must be a string").WithParam("compress")
		}
		profile, named = text, "compress"
	}
	switch profile {
	case "":
		return c.principal.CompressionProfile(), nil
	case compressionOff:
		return "", nil
	}
	if !compresses(profile) {
		return "", errs.Newf(errs.InvalidRequest, "%s must be off, default, rag or chat", named).WithParam(named)
	}
	return profile, nil
}

// compresses tells whether a profile is there.
func compresses(profile string) bool {
	switch profile {
	case "default", "rag", "chat":
		return true
	}
	return false
}

// compress makes the prompt smaller where that was asked for. It comes after the
// cache, and whatever goes wrong, the original goes out.
func (c *completion) compress(ctx context.Context) {
	if c.profile == "" {
		return
	}
	start := c.e.Clock.Now()
	upstream := ""
	if len(c.model.deployments) > 0 {
		upstream = c.model.deployments[0].GetUpstreamModel()
	}
	bounded, cancel := atMost(ctx, c.e.opts.CompressionTimeout)
	defer cancel()
	resp, err := c.e.Services.Compressor.Compress(bounded, &compressorv1.CompressRequest{
		Body: c.req.body, Profile: c.profile, Provider: c.model.provider, Model: upstream, TenantId: c.principal.TenantID,
	})
	result, took := obs.CompressionSkipped, c.e.Clock.Now().Sub(start)
	switch {
	case err != nil:
		result = obs.CompressionFailed
		c.e.Log.WarnContext(ctx, "the prompt was not compressed", "error", err)
	case len(resp.GetBody()) > 0:
		if c.req.replace(resp.GetBody()) != nil {
			result = obs.CompressionFailed
			break
		}
		result = obs.Compressed
		c.compressed = resp
	}
	c.e.Metrics.Compression(c.profile, result, int(resp.GetOriginalTokens()), int(resp.GetCompressedTokens()), took)
}

// savedByCompression is what the tokens that were left out would have cost.
func (c *completion) savedByCompression() money.Nano {
	if c.compressed == nil || c.cache == cacheHit {
		return 0
	}
	less := &usagev1.Usage{Input: c.compressed.GetOriginalTokens() - c.compressed.GetCompressedTokens()}
	saved, _ := c.costOf(c.outcome.served, less)
	return saved
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
