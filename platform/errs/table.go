package errs

import (
	"net/http"

	"connectrpc.com/connect/v2"
)

// Reason is the code of an error, as callers see it.
type Reason string

// The reasons. Every one of them stands in the table below.
const (
	InvalidRequest        Reason = "invalid_request"
	ContextLengthExceeded Reason = "context_length_exceeded"
	UnsupportedParameter  Reason = "unsupported_parameter"

	InvalidAPIKey Reason = "invalid_api_key"
	KeyExpired    Reason = "key_expired"
	KeyBlocked    Reason = "key_blocked"

	TenantMismatch         Reason = "tenant_mismatch"
	ModelNotAllowed        Reason = "model_not_allowed"
	RouteNotAllowed        Reason = "route_not_allowed"
	ProviderHostNotAllowed Reason = "provider_host_not_allowed"

	ModelNotFound    Reason = "model_not_found"
	NotFound         Reason = "not_found"
	MethodNotAllowed Reason = "method_not_allowed"

	IdempotencyInProgress Reason = "idempotency_in_progress"
	Conflict              Reason = "conflict"
	RequestTooLarge       Reason = "request_too_large"
	IdempotencyMismatch   Reason = "idempotency_mismatch"

	BudgetExceeded      Reason = "budget_exceeded"
	RateLimitExceeded   Reason = "rate_limit_exceeded"
	ProviderRateLimited Reason = "provider_rate_limited"

	ClientClosed        Reason = "client_closed_request"
	Internal            Reason = "internal_error"
	ProviderError       Reason = "provider_error"
	ProviderUnavailable Reason = "provider_unavailable"
	ServiceUnavailable  Reason = "service_unavailable"
	ProviderTimeout     Reason = "provider_timeout"
)

// Kind is what a reason becomes in each protocol.
type Kind struct {
	// Code is the Connect (and gRPC) code.
	Code connect.Code
	// Status is the HTTP status.
	Status int
	// OpenAI is the `type` of OpenAI's error object. OpenAI's SDKs choose the
	// exception by status; the type is for people and for LiteLLM's clients.
	OpenAI string
	// Anthropic is the `error.type` of Anthropic's error object, from
	// https://docs.anthropic.com/en/api/errors (November 2026).
	Anthropic string
}

// Reasons lists every reason.
func Reasons() []Reason {
	all := make([]Reason, 0, 32)
	for _, row := range table() {
		all = append(all, row.reason)
	}
	return all
}

// KindOf returns what a reason becomes; a reason that is not in the table becomes
// what [Internal] does.
func KindOf(r Reason) Kind {
	for _, row := range table() {
		if row.reason == r {
			return row.kind
		}
	}
	return KindOf(Internal)
}

type row struct {
	reason Reason
	kind   Kind
}

// The one table of the product's errors.
func table() []row {
	const (
		invalid    = "invalid_request_error"
		auth       = "authentication_error"
		permission = "permission_error"
		notFound   = "not_found_error"
		limited    = "rate_limit_error"
		api        = "api_error"
		overloaded = "overloaded_error"
	)
	return []row{
		{InvalidRequest, Kind{connect.CodeInvalidArgument, http.StatusBadRequest, invalid, invalid}},
		{ContextLengthExceeded, Kind{connect.CodeInvalidArgument, http.StatusBadRequest, invalid, invalid}},
		{UnsupportedParameter, Kind{connect.CodeInvalidArgument, http.StatusBadRequest, invalid, invalid}},

		{InvalidAPIKey, Kind{connect.CodeUnauthenticated, http.StatusUnauthorized, auth, auth}},
		{KeyExpired, Kind{connect.CodeUnauthenticated, http.StatusUnauthorized, auth, auth}},
		{KeyBlocked, Kind{connect.CodeUnauthenticated, http.StatusUnauthorized, auth, auth}},

		{TenantMismatch, Kind{connect.CodePermissionDenied, http.StatusForbidden, permission, permission}},
		{ModelNotAllowed, Kind{connect.CodePermissionDenied, http.StatusForbidden, permission, permission}},
		{RouteNotAllowed, Kind{connect.CodePermissionDenied, http.StatusForbidden, permission, permission}},
		{ProviderHostNotAllowed, Kind{connect.CodePermissionDenied, http.StatusForbidden, permission, permission}},

		{ModelNotFound, Kind{connect.CodeNotFound, http.StatusNotFound, invalid, notFound}},
		{NotFound, Kind{connect.CodeNotFound, http.StatusNotFound, invalid, notFound}},
		{MethodNotAllowed, Kind{connect.CodeUnimplemented, http.StatusMethodNotAllowed, invalid, invalid}},

		{IdempotencyInProgress, Kind{connect.CodeAborted, http.StatusConflict, invalid, invalid}},
		{Conflict, Kind{connect.CodeAlreadyExists, http.StatusConflict, invalid, invalid}},
		{RequestTooLarge, Kind{connect.CodeOutOfRange, http.StatusRequestEntityTooLarge, invalid, "request_too_large"}},
		{IdempotencyMismatch, Kind{connect.CodeFailedPrecondition, http.StatusUnprocessableEntity, invalid, invalid}},

		{BudgetExceeded, Kind{connect.CodeResourceExhausted, http.StatusTooManyRequests, "budget_exceeded", limited}},
		{RateLimitExceeded, Kind{connect.CodeResourceExhausted, http.StatusTooManyRequests, limited, limited}},
		{ProviderRateLimited, Kind{connect.CodeResourceExhausted, http.StatusTooManyRequests, limited, limited}},

		// 499 is nginx's status for a client that left; nobody is there to read it.
		{ClientClosed, Kind{connect.CodeCanceled, 499, api, api}},
		{Internal, Kind{connect.CodeInternal, http.StatusInternalServerError, "server_error", api}},
		{ProviderError, Kind{connect.CodeUnknown, http.StatusBadGateway, "server_error", api}},
		{ProviderUnavailable, Kind{connect.CodeUnavailable, http.StatusServiceUnavailable, "server_error", overloaded}},
		{ServiceUnavailable, Kind{connect.CodeUnavailable, http.StatusServiceUnavailable, "server_error", overloaded}},
		{ProviderTimeout, Kind{connect.CodeDeadlineExceeded, http.StatusGatewayTimeout, "server_error", "timeout_error"}},
	}
}
