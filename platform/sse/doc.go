// Package sse reads and frames Server-Sent Events by the WHATWG HTML Living Standard,
// §9.2.5 and §9.2.6 (https://html.spec.whatwg.org/multipage/server-sent-events.html,
// read 2026-11-23).
//
// LF, CR LF and CR end a line, and nothing else does: U+2028, U+0085, form feed and the rest
// are data. One byte order mark at the start of a stream is skipped. A blank line
// dispatches an event if it has data; an event cut off by the end of the stream is never
// dispatched, and [Reader.Next] tells such an end from a clean one.
//
// One thing differs from the standard on purpose: bytes pass through as they are, so
// invalid UTF-8 is not replaced by U+FFFD.
package sse
