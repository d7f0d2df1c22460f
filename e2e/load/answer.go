package load

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"time"

	"tollgate.dev/platform/clock"
)

// maxAnswer bounds what is read of a whole answer, in bytes.
const maxAnswer = 64 << 20

// read takes an answer to its end.
func read(resp *http.Response, c *Call, began time.Time) {
	defer func() {
		_ = resp.Body.Close() // it is read, or broken
		c.Whole = clock.Real().Now().Sub(began)
	}()
	if resp.StatusCode != http.StatusOK || !c.Streamed {
		body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
		c.First = clock.Real().Now().Sub(began)
		c.Cost = resp.Header.Get("X-Tollgate-Cost")
		switch {
		case err != nil:
			c.Fault = "broken answer: " + faultOf(err)
		case resp.StatusCode != http.StatusOK:
			c.Fault = fmt.Sprintf("%d %s", resp.StatusCode, codeOf(body))
		}
		return
	}
	c.Fault = readStream(resp.Body, c, began)
	c.Cost = resp.Trailer.Get("X-Tollgate-Cost")
}

// readStream reads events to `[DONE]` and the end of the body, and returns what was wrong.
func readStream(body io.Reader, c *Call, began time.Time) (fault string) {
	lines, last, done := bufio.NewReader(body), began, false
	for {
		line, err := lines.ReadBytes('\n')
		data, isData := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data: "))
		if isData {
			now := clock.Real().Now()
			if c.First == 0 {
				c.First = now.Sub(began)
			} else {
				c.Gap = max(c.Gap, now.Sub(last))
			}
			last = now
			switch {
			case string(data) == "[DONE]":
				done = true
			case bytes.HasPrefix(data, []byte(`{"error"`)):
				fault = "broken stream: " + codeOf(data)
			}
		}
		switch {
		case err == nil:
		case fault != "":
			return fault
		case !errors.Is(err, io.EOF):
			return "broken stream: " + faultOf(err)
		case !done:
			return "broken stream: it ended without [DONE]"
		default:
			return ""
		}
	}
}

// codeOf is the code of an error envelope.
func codeOf(body []byte) string {
	var envelope struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil || envelope.Error.Code == "" {
		return "without a code"
	}
	return envelope.Error.Code
}

// faultOf is a transport's error in few words.
func faultOf(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed"
	}
	return err.Error()
}
