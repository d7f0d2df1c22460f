package edge

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/spelling"
)

// query reads a management route's query. A parameter that is neither read nor one of
// LiteLLM's is an error, and one of those is named in the answer: a filter that is passed
// over in silence shows, or counts, what was not asked for.
func (x *exchange) query(read, ignored []string) (url.Values, error) {
	values, err := x.queryOf(read, ignored)
	return values, asMisread(err)
}

func (x *exchange) queryOf(read, ignored []string) (url.Values, error) {
	values, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return nil, errs.New(errs.InvalidRequest, "the query cannot be read").WithCause(err)
	}
	for name, given := range values {
		at := shown(name)
		switch {
		case slices.Contains(read, name):
			if len(given) > 1 {
				return nil, errs.Newf(errs.InvalidRequest, "%s is given twice", at).WithParam(at)
			}
		case slices.Contains(ignored, name):
			if slices.ContainsFunc(given, func(v string) bool { return v != "" && !strings.EqualFold(v, "false") }) {
				x.w.Header().Add(headerIgnored, name)
			}
		default:
			hint := ""
			if near := spelling.Nearest(name, slices.Concat(read, ignored)); near != "" {
				hint = "; did you mean " + near + "?"
			}
			return nil, errs.Newf(errs.InvalidRequest, "unknown parameter %q%s", at, hint).WithParam(at)
		}
	}
	return values, nil
}

// positive reads a parameter that is a positive number up to most.
func positive(values url.Values, name string, absent, most int64) (int64, error) {
	text := values.Get(name)
	if text == "" {
		return absent, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > most {
		return 0, errs.Newf(errs.InvalidRequest, "%s must be a whole number from 1 to %d", name, most).WithParam(name)
	}
	return n, nil
}

// truth reads a parameter that is true or false, in the spellings that LiteLLM takes.
func truth(values url.Values, name string) (bool, error) {
	switch strings.ToLower(values.Get(name)) {
	case "", "false", "0", "no", "off":
		return false, nil
	case "true", "1", "yes", "on":
		return true, nil
	}
	return false, errs.Newf(errs.InvalidRequest, "%s must be true or false", name).WithParam(name)
}
