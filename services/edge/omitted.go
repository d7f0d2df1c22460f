package edge

import (
	"context"
	"mime"
	"net/http"
	"strconv"
	"strings"

	compressorv1 "tollgate.dev/gen/tollgate/compressor/v1"
	"tollgate.dev/platform/errs"
)

// omitted answers `GET /v1/compressions/omitted/{name}` with what was left out of a prompt
// of the caller's tenant, as JSON, or as text where the caller prefers that. An admin may
// name a tenant by `?tenant_id=`.
func (e *Edge) omitted(x *exchange) error {
	x.w.Header().Set("Cache-Control", "no-store")
	if err := x.admit(); err != nil {
		return err
	}
	q, err := x.query([]string{"tenant_id"}, nil)
	if err != nil {
		return err
	}
	tenant := x.principal.TenantID
	if named := q.Get("tenant_id"); named != "" && named != tenant {
		if !x.principal.Admin {
			return errs.New(errs.TenantMismatch, "the parts of prompts are another tenant's").WithParam("tenant_id")
		}
		tenant = named
	}
	name := x.r.PathValue("name")
	text, err := e.findOmitted(x.r.Context(), tenant, name)
	if err != nil {
		return err
	}
	if prefersText(x.r.Header.Values("Accept")) {
		return x.text(text)
	}
	return x.json(http.StatusOK, struct {
		Name string `json:"name"`
		Text string `json:"text"`
	}{name, text})
}

// findOmitted asks the compressor. That there is no such part is said in the same words
// whatever the reason: a name tells nobody what others have sent.
func (e *Edge) findOmitted(ctx context.Context, tenant, name string) (string, error) {
	none := errs.New(errs.NotFound, "nothing of that name was left out, or it is there no more")
	if tenant == "" {
		return "", none
	}
	bounded, cancel := context.WithTimeout(ctx, e.opts.ManagementTimeout)
	defer cancel()
	resp, err := e.Services.Compressor.Omitted(bounded, &compressorv1.OmittedRequest{TenantId: tenant, Name: name})
	switch {
	case err == nil:
		return resp.GetText(), nil
	case errs.Of(err).Reason == errs.NotFound:
		return "", none
	}
	return "", err
}

// text answers with a text.
func (x *exchange) text(text string) error {
	h := x.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff") // it is whatever somebody has sent
	h.Set("Content-Length", strconv.Itoa(len(text)))
	x.wrote = true
	x.deadline()
	x.w.WriteHeader(http.StatusOK)
	// A caller that is gone cannot be told.
	_, _ = x.w.Write([]byte(text))
	return nil
}

// prefersText tells whether an Accept header wants text rather than JSON (RFC 9110, 12.5.1).
// JSON is what who names neither gets.
func prefersText(accept []string) bool {
	text, json := quality(accept, "text/plain", "text/*"), quality(accept, "application/json", "application/*")
	return text > json
}

// quality is how much an Accept header wants a media type, by its own name or else by its
// range's; 0 when it names neither.
func quality(accept []string, name, within string) float64 {
	var exact, wide float64
	found := false
	for entry := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		media, params, err := mime.ParseMediaType(entry)
		if err != nil {
			continue
		}
		q := 1.0
		if given, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(given, 64); err != nil {
				continue
			}
		}
		switch media {
		case name:
			exact, found = max(exact, q), true
		case within:
			wide = max(wide, q)
		}
	}
	if found {
		return exact
	}
	return wide
}
