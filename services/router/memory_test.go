package router

import (
	"context"
	"io"
	"strings"
	"testing"

	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/memory"
	"tollgate.dev/services/router/upstream"
)

// An answer that there is no memory for was the provider's work all the same. It is not asked
// for when that is known before.
func TestAnswersTakeABoundedMemory(t *testing.T) {
	for name, tc := range map[string]struct {
		length      int64
		room        int64
		reason      errs.Reason
		asked, owed int
	}{
		"announced":            {int64(len(answer)), int64(len(answer)), "", 1, 0},
		"unannounced":          {-1, int64(len(answer)), "", 1, 0},
		"too long":             {int64(len(answer)), int64(len(answer)) - 1, errs.ServiceUnavailable, 1, 1},
		"too long, by and by":  {-1, int64(len(answer)) - 1, errs.ServiceUnavailable, 1, 1},
		"nothing left for any": {-1, 0, errs.ServiceUnavailable, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			script := steps(func(context.Context, *upstream.Request) (*upstream.Response, error) {
				return &upstream.Response{Status: 200, Length: tc.length, Body: answerBody{io.NopCloser(strings.NewReader(answer))}}, nil
			})
			const other = 1000 // what others hold
			bound := memory.NewBound(other + tc.room)
			bound.Add(other)
			r := newRig(t, Options{Deployments: []Deployment{at("a"), at("b")}, Retries: 2, Answers: bound}, script)
			got := r.run(t.Context(), false, call())
			wantReason(t, got.failure(t), tc.reason)
			if len(script.calls()) != tc.asked || bound.Held() != other {
				t.Errorf("asked %d times, %d bytes are held", len(script.calls()), bound.Held()-other)
			}
			if tc.asked == 0 {
				return
			}
			if billed, _ := got.bill(t); len(billed) != tc.owed || tc.owed > 0 && !billed[0].GetIncomplete() {
				t.Errorf("billed %v", billed)
			}
		})
	}
}
