package edge

import (
	"encoding/json"
	"errors"
	"strconv"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
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

// decode reads a management request's body. An empty one leaves the value as it is.
func (x *exchange) decode(value any) error {
	body, err := x.body(maxManagementBody)
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, value); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return errs.Newf(errs.InvalidRequest, "%s must be of type %s, not %s", wrong.Field, wrong.Type, wrong.Value).
				WithParam(wrong.Field)
		}
		if reason, ok := errors.AsType[*errs.Error](err); ok {
			return reason
		}
		if errors.Is(err, money.ErrSyntax) || errors.Is(err, money.ErrRange) || errors.Is(err, money.ErrPrecision) {
			return errs.New(errs.InvalidRequest, "an amount is no number of dollars of at most nine decimals and 9.2 billion").WithCause(err)
		}
		return errs.New(errs.InvalidRequest, "the request body is no valid JSON object").WithCause(err)
	}
	return nil
}
