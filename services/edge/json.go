package edge

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/jsonscan"
)

// maxManagementBody bounds the bodies of key and team routes, in bytes.
const maxManagementBody = 1 << 20

// json answers with a value. It is for management routes; inference forwards bytes.
func (x *exchange) json(status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	x.wrote = true
	x.deadline()
	x.w.WriteHeader(status)
	// A caller that is gone cannot be told.
	_, _ = x.w.Write(body)
	return nil
}

// managementBody reads the body, once.
func (x *exchange) managementBody() (body []byte, err error) {
	if x.read == nil {
		x.read, err = x.body(maxManagementBody)
	}
	return x.read, err
}

// decode reads a management request's body. An empty one leaves the value as it is.
func (x *exchange) decode(value any) error {
	body, err := x.managementBody()
	if err != nil || len(body) == 0 {
		return err
	}
	if _, err := jsonscan.Scan(body); err != nil || bytes.TrimSpace(body)[0] != '{' {
		return errs.New(errs.InvalidRequest, "the request body is no valid JSON object").WithCause(err)
	}
	var r reading
	if err := r.into(bytes.TrimSpace(body), reflect.ValueOf(value).Elem(), ""); err != nil {
		return misread{err}
	}
	if len(r.ignored) > 0 {
		x.w.Header()[headerIgnored] = r.ignored
	}
	return nil
}
