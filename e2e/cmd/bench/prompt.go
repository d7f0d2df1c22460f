package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// serialDigits is the width of the number that makes a prompt unique.
const serialDigits = 16

// prompt is a request's text, before it is addressed to a target.
type prompt struct {
	// size is about how many bytes of text it has.
	size int
	// stream asks for an event stream.
	stream bool
}

// The prompts of the rows.
var (
	smallPrompt  = prompt{size: 600}
	largePrompt  = prompt{size: 20_000}
	streamPrompt = prompt{size: 600, stream: true}
)

// sentence has what real prompts have: line breaks, quotes, and letters beyond ASCII.
const sentence = "Compare the two offers, \"Basic\" and \"Plus\", by price and by term;\nname what is missing – in three lines.\n"

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// body is the JSON of the prompt for a model, and where in it the serial stands.
func (p prompt) body(model string) (body []byte, serial int, err error) {
	const turn = 1500 // bytes of text in a message
	text := strings.Repeat(sentence, p.size/len(sentence)+1)[:p.size]
	text = strings.ToValidUTF8(text, "")
	messages := []message{{"system", "You are a careful assistant. Answer in plain words."}}
	for role := "user"; text != ""; {
		cut := min(turn, len(text))
		messages = append(messages, message{role, strings.ToValidUTF8(text[:cut], "")})
		text = text[cut:]
		if role == "user" {
			role = "assistant"
		} else {
			role = "user"
		}
	}
	if last := &messages[len(messages)-1]; last.Role != "user" {
		last.Role = "user"
	}
	mark := strings.Repeat("0", serialDigits)
	messages[1].Content = mark + " " + messages[1].Content
	body, err = json.Marshal(struct {
		Model       string    `json:"model"`
		Messages    []message `json:"messages"`
		Temperature float64   `json:"temperature"`
		MaxTokens   int       `json:"max_tokens"`
		Stream      bool      `json:"stream,omitempty"`
	}{model, messages, 0.2, 1000, p.stream})
	if err != nil {
		return nil, 0, fmt.Errorf("prompt: %w", err)
	}
	return body, bytes.Index(body, []byte(mark)), nil
}

// request is a whole HTTP/1.1 request with a place for its serial.
type request struct {
	bytes  []byte
	serial int
	stream bool
}

// render addresses the prompt to a target.
func (p prompt) render(t *target, paced bool) (request, error) {
	model, path := t.model, t.path
	if paced {
		model, path = t.pacedModel, t.pacedPath
	}
	body, serial, err := p.body(model)
	if err != nil {
		return request{}, err
	}
	accept := "application/json"
	if p.stream {
		accept = "text/event-stream"
	}
	head := "POST " + path + " HTTP/1.1\r\nHost: " + t.addr + "\r\nUser-Agent: tollgate-bench\r\nAccept: " + accept +
		"\r\nAuthorization: Bearer " + t.key + "\r\nContent-Type: application/json\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n"
	return request{bytes: append([]byte(head), body...), serial: len(head) + serial, stream: p.stream}, nil
}

// clone is a copy that another connection can stamp.
func (r request) clone() request {
	r.bytes = bytes.Clone(r.bytes)
	return r
}

// stamp makes the request the n-th.
func (r request) stamp(n uint64) {
	digits := r.bytes[r.serial : r.serial+serialDigits]
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = byte('0' + n%10)
		n /= 10
	}
}
