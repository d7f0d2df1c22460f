package budget

import (
	"context"
	"encoding/base64"
	"encoding/binary"

	eventv1 "tollgate.dev/gen/tollgate/event/v1"
	"tollgate.dev/platform/errs"
)

// Page sizes of ListUsage.
const (
	defaultPage = 100
	maxPage     = 1000
)

// ListUsage reads a page of the ledger in the tenants' order, and says where the next page
// starts; empty at the end. cursor is what an earlier page said. It is the way to
// reconcile without Kafka: sequences have no gaps. Errors: invalid_request.
func (s *Service) ListUsage(ctx context.Context, q UsageQuery, cursor string) (records []*eventv1.UsageRecord, next string, err error) {
	invalid := func(param, message string) ([]*eventv1.UsageRecord, string, error) {
		return nil, "", errs.New(errs.InvalidRequest, message).WithParam(param)
	}
	switch {
	case q.TenantID == "" && q.RequestID == "" && q.KeyID == "" && !q.AllTenants:
		return invalid("tenant_id", "name a tenant, a request or a key, or ask for all tenants")
	case q.Limit < 0 || q.Limit > maxPage:
		return invalid("limit", "a page has 1 to 1000 records")
	case q.AfterSequence < 0:
		return invalid("after_sequence", "a sequence is 0 or more")
	case q.From < 0 || q.To < 0 || (q.To != 0 && q.To < q.From):
		return invalid("from_millis", "the time range is empty or before 1970")
	case !validText(q.TenantID), !validText(q.RequestID), !validText(q.KeyID), !validText(q.UserID):
		return invalid("", "an id is too long or no text")
	}
	if q.Limit == 0 {
		q.Limit = defaultPage
	}
	q.AfterTenant = q.TenantID
	if cursor != "" {
		tenant, sequence, ok := readCursor(cursor)
		if !ok || !validText(tenant) || (q.TenantID != "" && tenant != q.TenantID) {
			return invalid("cursor", "the cursor is none of this list's")
		}
		q.AfterTenant, q.AfterSequence = tenant, max(sequence, q.AfterSequence)
	}
	page := q.Limit
	q.Limit++ // one more tells whether there is a next page
	records, err = s.store.Usage(ctx, q)
	if err != nil {
		return nil, "", err
	}
	if len(records) > page {
		records = records[:page]
		last := records[page-1]
		next = writeCursor(last.GetTenantId(), last.GetSequence())
	}
	return records, next, nil
}

// GetSpend adds up the ledger's usage entries, highest first. Charges of lost leases are not
// usage and not in it. Errors: invalid_request.
func (s *Service) GetSpend(ctx context.Context, q SpendQuery) ([]Spend, error) {
	for _, scope := range q.Scopes {
		if err := scope.check("scopes"); err != nil {
			return nil, err
		}
	}
	switch {
	case !validText(q.TenantID), !validText(q.KeyID), !validText(q.UserID):
		return nil, errs.New(errs.InvalidRequest, "an id is too long or no text")
	case q.Group > ByDay:
		return nil, errs.New(errs.InvalidRequest, "an unknown group").WithParam("group")
	case q.From < 0 || q.To < 0 || (q.To != 0 && q.To < q.From):
		return nil, errs.New(errs.InvalidRequest, "the time range is empty or before 1970").WithParam("from_millis")
	}
	return s.store.Spend(ctx, q)
}

// A cursor is the last record's sequence and tenant.
func writeCursor(tenant string, sequence int64) string {
	b := binary.AppendVarint(nil, sequence)
	return base64.RawURLEncoding.EncodeToString(append(b, tenant...))
}

func readCursor(cursor string) (tenant string, sequence int64, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", 0, false
	}
	sequence, n := binary.Varint(b)
	if n <= 0 || sequence < 0 {
		return "", 0, false
	}
	return string(b[n:]), sequence, true
}
