package edge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"tollgate.dev/platform/errs"
)

// managed are management routes. What the services blame by the names of their own
// contracts is blamed by the caller's, and a request with an Idempotency-Key that changes
// something happens once.
func managed(routes ...route) []route {
	for i, rt := range routes {
		routes[i].handler = func(x *exchange) error {
			err := x.repeatable(rt)
			if _, ok := errors.AsType[misread](err); ok {
				return err
			}
			return renamed(err, managementNames)
		}
	}
	return routes
}

// inTime are management routes that wait for other services for a bounded time, and then say which
// one did not answer. Reports have no such time: what the ledger adds up may take a while.
func inTime(routes ...route) []route {
	routes = managed(routes...)
	for i, rt := range routes {
		routes[i].handler = func(x *exchange) error {
			if rt.method == http.MethodPost {
				if err := x.admin(); err != nil { // as all of these routes do
					return err
				}
				if _, err := x.managementBody(); err != nil { // it has its own time
					return err
				}
			}
			ctx, cancel := context.WithTimeout(x.r.Context(), x.e.opts.ManagementTimeout)
			defer cancel()
			x.r = x.r.WithContext(ctx)
			return rt.handler(x)
		}
	}
	return routes
}

// misread is a fault that was found when the request was read: it has the caller's names
// already, which may be those of the services by chance.
type misread struct{ error }

// Unwrap returns the fault.
func (m misread) Unwrap() error { return m.error }

// asMisread marks an error, if there is one.
func asMisread(err error) error {
	if err == nil {
		return nil
	}
	return misread{err}
}

// managementNames are the members of management requests by what the keystore calls them,
// without indices.
var managementNames = map[string]string{ //nolint:gosec // names of members, no credentials
	"secret": "key", "ref": "key", "refs": "keys", "grace_millis": "grace_period",
	"id": "team_id", "ids": "team_ids", "tenant_id": "team_id",

	"key.alias": "key_alias", "key.tenant_id": "team_id", "key.user_id": "user_id", "key.scopes": "scopes",
	"key.expires_millis": "duration", "key.metadata": "metadata", "key.tags": "tags", "key.aliases": "aliases",
	"key.cache.ttl_millis": "cache.ttl", "key.compression_profile": "compression",
	"key.limits.models": "models", "key.limits.routes": "allowed_routes",
	"key.limits.requests_per_minute": "rpm_limit", "key.limits.tokens_per_minute": "tpm_limit",
	"key.limits.parallel_requests":         "max_parallel_requests",
	"key.limits.model_requests_per_minute": "model_rpm_limit", "key.limits.model_tokens_per_minute": "model_tpm_limit",

	"tenant.id": "team_id", "tenant.alias": "team_alias", "tenant.platform_id": "platform_id",
	"tenant.metadata": "metadata", "tenant.tags": "tags", "tenant.aliases": "model_aliases",
	"tenant.cache.ttl_millis": "cache.ttl", "tenant.compression_profile": "compression",
	"tenant.limits.models": "models", "tenant.limits.routes": "allowed_routes",
	"tenant.limits.requests_per_minute": "rpm_limit", "tenant.limits.tokens_per_minute": "tpm_limit",
	"tenant.limits.parallel_requests":         "max_parallel_requests",
	"tenant.limits.model_requests_per_minute": "model_rpm_limit", "tenant.limits.model_tokens_per_minute": "model_tpm_limit",
	"tenant.members": "members_with_roles",
}

// renamed returns the error with its parameter's other name, if it has one. An index, and
// what follows it, stays.
func renamed(err error, names map[string]string) error {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return err
	}
	to, ok := names[e.Param]
	if !ok {
		name, index, indexed := strings.Cut(e.Param, "[")
		if to, ok = names[name]; !ok {
			return err
		}
		if indexed {
			to += "[" + index
		}
	}
	out := e.WithParam(to).WithCause(err) // the log has the whole chain
	if rest, ok := strings.CutPrefix(e.Message, "it "); ok {
		out.Message = to + " " + rest // for who reads the message alone
	}
	return out
}

// blameRef tells which of the two lists of a deletion a reference stood in.
func blameRef(err error, keys int) error {
	e, ok := errors.AsType[*errs.Error](err)
	if !ok {
		return err
	}
	index, _, _ := strings.Cut(strings.TrimPrefix(e.Param, "refs["), "]")
	if n, nerr := strconv.Atoi(index); nerr == nil && n >= keys {
		return e.WithParam(fmt.Sprintf("key_aliases[%d]", n-keys)).WithCause(err)
	}
	return err
}

// newKeyNames are where a new secret stands in a request that names its key as well.
var newKeyNames = map[string]string{"secret": "new_key"}
