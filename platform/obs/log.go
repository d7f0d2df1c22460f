package obs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Format is how log records are written.
type Format string

// The formats.
const (
	JSON Format = "json" // one JSON object a line; the default
	Text Format = "text" // key=value, for a terminal
)

// LogOptions tune a logger. The zero value writes JSON from level INFO on.
type LogOptions struct {
	Format Format
	// Level is the least that is written; it may be a *slog.LevelVar.
	Level slog.Leveler
}

// NewLogger returns a logger that writes one record a line to w, each in one Write.
//
// Secrets stay out in three ways: the types of package secret redact themselves;
// values that carry bodies (byte slices, raw JSON, protobuf messages, HTTP headers and
// requests) are replaced by what they are; and [Scrub] goes over every finished line.
// The attributes of [WithRequest] are added to each record that is logged with its context.
func NewLogger(w io.Writer, o LogOptions) (*slog.Logger, error) {
	opts := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: replace}
	w = scrubbing{w}
	switch o.Format {
	case JSON, "":
		return slog.New(requestHandler{slog.NewJSONHandler(w, opts)}), nil
	case Text:
		return slog.New(requestHandler{slog.NewTextHandler(w, opts)}), nil
	}
	return nil, fmt.Errorf("obs: log format %q is neither json nor text", o.Format)
}

// scrubbing passes lines on without credentials.
type scrubbing struct{ w io.Writer }

func (s scrubbing) Write(line []byte) (int, error) {
	text := string(line)
	clean := Scrub(text)
	if clean == text {
		return s.w.Write(line)
	}
	if _, err := io.WriteString(s.w, clean); err != nil {
		return 0, err
	}
	return len(line), nil
}

// replace takes the content out of values whose type says that they carry some.
func replace(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindAny {
		return a
	}
	switch v := a.Value.Any().(type) {
	case []byte:
		a.Value = slog.StringValue(fmt.Sprintf("[%d bytes]", len(v)))
	case json.RawMessage:
		a.Value = slog.StringValue(fmt.Sprintf("[%d bytes of JSON]", len(v)))
	case http.Header:
		a.Value = slog.StringValue(fmt.Sprintf("[%d headers]", len(v)))
	case *http.Request:
		a.Value = slog.StringValue("[HTTP request]")
	case *http.Response:
		a.Value = slog.StringValue("[HTTP response]")
	case *url.URL:
		if v != nil {
			// A query may hold a key, as Gemini's does.
			a.Value = slog.StringValue(v.Scheme + "://" + v.Host + v.Path)
		}
	case interface {
		ProtoReflect() protoreflect.Message
	}:
		a.Value = slog.StringValue("[" + string(v.ProtoReflect().Descriptor().FullName()) + "]")
	}
	return a
}

// Request is who asks for what: the attributes of a request that every record about it
// carries. Empty fields are left out.
type Request struct {
	ID, TenantID, PlatformID, UserID, KeyID, TraceID, Route string
}

type requestKey struct{}

// WithRequest returns a context whose log records carry r. Whoever made r may still fill it
// in before it hands the context to another goroutine.
func WithRequest(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, requestKey{}, r)
}

// RequestOf returns what WithRequest put into the context, or the zero Request.
func RequestOf(ctx context.Context) Request {
	if r, ok := ctx.Value(requestKey{}).(*Request); ok {
		return *r
	}
	return Request{}
}

// LogValue lists the fields that are set.
func (r Request) LogValue() slog.Value { return slog.GroupValue(r.attrs()...) }

func (r Request) attrs() []slog.Attr {
	out := make([]slog.Attr, 0, 7)
	for _, f := range [...]struct{ key, value string }{
		{"request_id", r.ID}, {"tenant_id", r.TenantID}, {"platform_id", r.PlatformID}, {"user_id", r.UserID},
		{"key_id", r.KeyID}, {"trace_id", r.TraceID}, {"route", r.Route},
	} {
		if f.value != "" {
			out = append(out, slog.String(f.key, f.value))
		}
	}
	return out
}

// requestHandler adds the context's request to each record.
type requestHandler struct{ next slog.Handler }

func (h requestHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.next.Enabled(ctx, l)
}

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if req, ok := ctx.Value(requestKey{}).(*Request); ok {
		r = r.Clone()
		r.AddAttrs(req.attrs()...)
	}
	return h.next.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.next.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.next.WithGroup(name)}
}
