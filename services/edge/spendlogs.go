package edge

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	budgetv1 "tollgate.dev/gen/tollgate/budget/v1"
	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/money"
	"tollgate.dev/platform/pricing"
)

// spendRoutes read the ledger as LiteLLM's clients do
// (https://github.com/BerriAI/litellm, litellm/proxy/spend_tracking/spend_management_endpoints.py,
// read 2026-11-28).
func (e *Edge) spendRoutes() []route {
	return managed(
		route{http.MethodGet, "/spend/logs", e.spendLogs},
		route{http.MethodGet, "/global/spend", e.globalSpend},
		route{http.MethodGet, "/global/spend/keys", e.globalSpendKeys},
		route{http.MethodGet, "/global/spend/models", e.globalSpendModels},
		route{http.MethodGet, "/global/spend/teams", e.globalSpendTeams},
	)
}

// maxSpendDays bounds the days that are added up one by one.
const maxSpendDays = 366

// spendFilter is whose calls are asked for, and when they were settled.
type spendFilter struct {
	tenant, key, user, request string
	from, to                   time.Time // days, UTC: from ≤ t < to; zero is no bound
}

// spendLogs answers `GET /spend/logs`: rows of calls, oldest first within a team, or with
// both dates and without summarize=false what each day cost. An admin sees everything, a
// key what is its own and its team's.
func (e *Edge) spendLogs(x *exchange) error {
	if err := x.admit(); err != nil {
		return err
	}
	q, err := x.query([]string{"api_key", "user_id", "request_id", "team_id", "start_date", "end_date", "summarize", "limit", "cursor"}, nil)
	if err != nil {
		return err
	}
	filter, err := e.spendFilter(x, q)
	if err != nil {
		return err
	}
	summarize := true
	if q.Get("summarize") != "" {
		if summarize, err = truth(q, "summarize"); err != nil {
			return err
		}
	}
	if summarize && filter.request == "" && !filter.from.IsZero() && !filter.to.IsZero() {
		days, err := e.spendDays(x.r.Context(), filter)
		if err != nil {
			return err
		}
		return x.json(http.StatusOK, days)
	}
	limit, err := positive(q, "limit", 100, 1000)
	if err != nil {
		return err
	}
	resp, err := e.Services.Budget.ListUsage(x.r.Context(), &budgetv1.ListUsageRequest{
		TenantId: filter.tenant, KeyId: filter.key, UserId: filter.user, RequestId: filter.request,
		FromMillis: dayMillis(filter.from), ToMillis: dayMillis(filter.to), AllTenants: filter.tenant == "",
		Limit: int32(limit), Cursor: q.Get("cursor"), //nolint:gosec // bounded
	})
	if err != nil {
		return err
	}
	rows := make([]*spendRow, 0, len(resp.GetRecords()))
	for _, r := range resp.GetRecords() {
		if isCall(r) {
			rows = append(rows, spendRowOf(r))
		}
	}
	if next := resp.GetNextCursor(); next != "" {
		x.w.Header().Set("X-Next-Cursor", next)
	}
	return x.json(http.StatusOK, rows)
}

// spendFilter reads whose calls a caller asks for, and refuses what is not theirs.
func (e *Edge) spendFilter(x *exchange, q url.Values) (f spendFilter, err error) {
	f = spendFilter{tenant: q.Get("team_id"), user: q.Get("user_id"), request: q.Get("request_id")}
	if f.from, err = day(q, "start_date"); err != nil {
		return f, err
	}
	if f.to, err = day(q, "end_date"); err != nil {
		return f, err
	}
	if !f.to.IsZero() {
		f.to = f.to.AddDate(0, 0, 1) // the last day counts as a whole
		if !f.from.IsZero() && !f.from.Before(f.to) {
			return f, errs.New(errs.InvalidRequest, "end_date is before start_date").WithParam("end_date")
		}
	}
	named := q.Get("api_key")
	p := x.principal
	if p.Admin {
		if named != "" {
			f.key, err = e.spendKey(x.r.Context(), named)
			err = asMisread(renamed(err, apiKeyNames))
		}
		return f, err
	}
	// Whoever is no admin sees the team's calls where one is named, else the key's own.
	other := errs.New(errs.TenantMismatch, "the calls are of another tenant")
	if f.tenant != "" && f.tenant != p.TenantID {
		return f, other.WithParam("team_id")
	}
	f.tenant = p.TenantID
	if named == "" && p.TenantID != "" && (q.Get("team_id") != "" || f.user != "" || f.request != "") {
		return f, nil
	}
	f.key = p.KeyID
	if named == "" {
		return f, nil
	}
	key, err := e.findKey(x.r.Context(), keyRef(named))
	switch {
	case errs.Is(err, errs.NotFound):
		return f, other.WithParam("api_key") // whether a key exists is its owner's to know
	case err != nil:
		return f, asMisread(renamed(err, apiKeyNames))
	case key.GetId() != p.KeyID && (p.TenantID == "" || key.GetTenantId() != p.TenantID):
		return f, other.WithParam("api_key")
	}
	f.key = key.GetId()
	return f, nil
}

// apiKeyNames are where the key stands that the calls are asked of.
var apiKeyNames = map[string]string{"ref": "api_key"}

// spendKey is the id that a key's calls are recorded under. One that is gone is named by
// its id.
func (e *Edge) spendKey(ctx context.Context, named string) (string, error) {
	key, err := e.findKey(ctx, keyRef(named))
	if errs.Is(err, errs.NotFound) && !strings.HasPrefix(named, "sk-") {
		return named, nil
	}
	return key.GetId(), err
}

// day reads a date.
func day(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil || t.Year() < 1971 || t.Year() > 9998 {
		return time.Time{}, errs.Newf(errs.InvalidRequest, "%s must be a date as 2026-01-31", name).WithParam(name)
	}
	return t, nil
}

func dayMillis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// isCall tells calls from what else the ledger has.
func isCall(r *eventv1.UsageRecord) bool {
	return r.GetNotice() == nil && !strings.HasPrefix(r.GetCallType(), "budget.")
}

// spendRow is a call in LiteLLM's form. What Tollgate does not know of it is empty.
type spendRow struct {
	RequestID           string         `json:"request_id"`
	CallType            string         `json:"call_type"`
	APIKey              string         `json:"api_key"`
	Spend               money.Nano     `json:"spend"`
	TotalTokens         int64          `json:"total_tokens"`
	PromptTokens        int64          `json:"prompt_tokens"`
	CompletionTokens    int64          `json:"completion_tokens"`
	StartTime           string         `json:"startTime"`
	EndTime             string         `json:"endTime"`
	CompletionStartTime *string        `json:"completionStartTime"`
	Model               string         `json:"model"`
	ModelID             string         `json:"model_id"`
	ModelGroup          string         `json:"model_group"`
	APIBase             string         `json:"api_base"`
	User                string         `json:"user"`
	Metadata            map[string]any `json:"metadata"`
	CacheHit            string         `json:"cache_hit"`
	CacheKey            string         `json:"cache_key"`
	RequestTags         []string       `json:"request_tags"`
	TeamID              string         `json:"team_id"`
	OrganizationID      *string        `json:"organization_id"`
	EndUser             string         `json:"end_user"`
	Provider            string         `json:"custom_llm_provider"`
	SessionID           *string        `json:"session_id"`
	DurationMs          int64          `json:"request_duration_ms"`
	Status              string         `json:"status"`
}

// callTypes are LiteLLM's names of the routes.
var callTypes = map[string]string{callType: "acompletion", embeddingCallType: "aembedding"}

func spendRowOf(r *eventv1.UsageRecord) *spendRow {
	u := pricing.UsageOf(r.GetUsage())
	started := r.GetStartedMillis()
	if started == 0 {
		started = r.GetOccurredMillis() - r.GetLatencyMillis()
	}
	row := &spendRow{
		RequestID: r.GetRequestId(), CallType: r.GetCallType(), APIKey: r.GetKeyId(), Spend: money.Nano(r.GetCostNanos()),
		TotalTokens: u.Total(), PromptTokens: u.Prompt(), CompletionTokens: u.Completion(),
		StartTime: timeText(started), EndTime: timeText(started + r.GetLatencyMillis()), CompletionStartTime: timestamp(r.GetFirstByteMillis()),
		Model: r.GetUpstreamModel(), ModelID: r.GetDeploymentId(), ModelGroup: r.GetModel(), User: r.GetUserId(),
		CacheHit: "False", RequestTags: list(r.GetTags()), TeamID: r.GetTenantId(), Provider: r.GetProvider(),
		DurationMs: r.GetLatencyMillis(), Status: "success",
		Metadata: map[string]any{
			"sequence": r.GetSequence(), "cache": r.GetCache(), "estimated": r.GetUsage().GetEstimated(),
			"saved_cache": money.Nano(r.GetSavedCacheNanos()), "saved_compression": money.Nano(r.GetSavedCompressionNanos()),
		},
	}
	if name, ok := callTypes[row.CallType]; ok {
		row.CallType = name
	}
	if row.Model == "" {
		row.Model = r.GetModel()
	}
	if cache := r.GetCache(); cache == "hit" || cache == "semantic" {
		row.CacheHit = "True"
	}
	if h := r.GetCacheHit(); h != nil {
		row.CacheKey = h.GetEntryId()
		row.Metadata["cache_hit"] = map[string]any{
			"tier": h.GetTier(), "score": h.GetScore(), "age_ms": h.GetAgeMillis(), "entry_id": h.GetEntryId(),
		}
	}
	if c := r.GetCompression(); c != nil {
		told := map[string]any{
			"engine": c.GetEngine(), "profile": c.GetProfile(), "original_tokens": c.GetOriginalTokens(),
			"compressed_tokens": c.GetCompressedTokens(), "micros": c.GetMicros(),
		}
		if why := c.GetSkipped(); why != "" {
			told["skipped"] = why
		}
		row.Metadata["compression"] = told
	}
	if code := r.GetError(); code != "" {
		row.Status, row.Metadata["error_code"] = "failure", code
	}
	return row
}
