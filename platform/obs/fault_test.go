package obs_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"tollgate.dev/platform/clock/clocktest"
	"tollgate.dev/platform/errs"
	"tollgate.dev/platform/obs"
	"tollgate.dev/platform/secret/secrettest"
)

func faultLines(t *testing.T, buf *bytes.Buffer) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(buf.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, m)
	}
	buf.Reset()
	return out
}

func TestFaultsSayTheCause(t *testing.T) {
	var buf bytes.Buffer
	faults := obs.NewFaults(logger(t, &buf, obs.LogOptions{}), clocktest.New())
	const password = "hunter2hunter2"
	ctx := obs.WithRequest(t.Context(), &obs.Request{ID: "req_1"})
	cause := fmt.Errorf("postgres://tollgate:%s@db/tollgate: connection refused", password)
	faults.Report(ctx, "/keys", errs.New(errs.ServiceUnavailable, "the database is away").WithCause(cause))
	faults.Report(ctx, "/keys", errs.New(errs.InvalidRequest, "no").WithCause(cause))
	faults.Report(ctx, "/keys", nil)
	secrettest.AssertNoLeak(t, buf.String(), password)
	lines := faultLines(t, &buf)
	if len(lines) != 1 {
		t.Fatalf("%d lines: %v", len(lines), lines)
	}
	for key, want := range map[string]string{
		"level": "WARN", "msg": "internal fault", "at": "/keys", "request_id": "req_1", "reason": "service_unavailable",
		"cause": "service_unavailable: the database is away < postgres://tollgate:[redacted]@db/tollgate: connection refused",
	} {
		if lines[0][key] != want {
			t.Errorf("%s is %v, want %s", key, lines[0][key], want)
		}
	}
}

func TestPanicsHaveAStackAndNoContent(t *testing.T) {
	var buf bytes.Buffer
	faults := obs.NewFaults(logger(t, &buf, obs.LogOptions{}), clocktest.New())
	const prompt = "the caller's own words"
	for _, c := range []struct {
		fail func()
		want string
	}{
		{func() { panic("cannot be: " + prompt) }, "panic: a value of type string"},
		{func() { panic(errors.New(prompt)) }, "panic: a value of type *errors.errorString"},
		{func() { _ = []int{1}[len(prompt)] }, "panic: runtime error: index out of range [22] with length 1"},
	} {
		func() {
			defer func() {
				if err := faults.Panic(t.Context(), "/p", recover()); !errs.Is(err, errs.Internal) {
					t.Errorf("answered with %v", err)
				}
			}()
			c.fail()
		}()
		secrettest.AssertNoLeak(t, buf.String(), prompt)
		lines := faultLines(t, &buf)
		if len(lines) != 1 || lines[0]["level"] != "ERROR" || lines[0]["cause"] != c.want {
			t.Fatalf("got %v, want %s", lines, c.want)
		}
		if stack, _ := lines[0]["stack"].(string); !strings.Contains(stack, "TestPanicsHaveAStackAndNoContent") {
			t.Errorf("the stack does not say where: %s", stack)
		}
	}
}

// A database that is away makes a fault of every call; the log stays readable, and says
// how many it left out.
func TestFaultsOfOnePlaceAreBounded(t *testing.T) {
	var buf bytes.Buffer
	clk := clocktest.New()
	faults := obs.NewFaults(logger(t, &buf, obs.LogOptions{}), clk)
	for range 100 {
		faults.Report(t.Context(), "/busy", errors.New("down"))
	}
	faults.Report(t.Context(), "/other", errors.New("down"))
	if lines := faultLines(t, &buf); len(lines) != 6 || lines[5]["at"] != "/other" {
		t.Errorf("%d lines: %v", len(lines), lines)
	}
	clk.Advance(time.Second)
	faults.Report(t.Context(), "/busy", errors.New("down"))
	if lines := faultLines(t, &buf); len(lines) != 1 || lines[0]["left_out"] != 95.0 {
		t.Errorf("got %v", lines)
	}
}
