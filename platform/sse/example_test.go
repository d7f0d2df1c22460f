package sse_test

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"tollgate.dev/platform/sse"
)

// A proxy takes what has arrived before it flushes: a flush costs more than all the rest.
func ExampleReader() {
	upstream := strings.NewReader("event: delta\ndata: Hel\n\nevent: delta\ndata: lo\n\ndata: [DONE]\n\n")

	events := sse.NewReader(upstream, sse.Options{})
	var pending []byte
	for {
		event, err := events.Next()
		if errors.Is(err, io.EOF) {
			fmt.Println("the stream is complete")
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		pending = sse.AppendEvent(pending, string(event.Name), event.Data)
		if !events.Buffered() {
			fmt.Printf("flush %q\n", pending)
			pending = pending[:0]
		}
	}
	// Output:
	// flush "event: delta\ndata: Hel\n\nevent: delta\ndata: lo\n\ndata: [DONE]\n\n"
	// the stream is complete
}

// A stream that breaks off is an error, and its last piece is never delivered.
func ExampleReader_Next_cutOff() {
	events := sse.NewReader(strings.NewReader("data: one\n\ndata: tw"), sse.Options{})
	for {
		event, err := events.Next()
		if errors.Is(err, io.ErrUnexpectedEOF) {
			fmt.Println("cut off")
			return
		}
		fmt.Printf("%s %v\n", event.Data, err)
	}
	// Output:
	// one <nil>
	// cut off
}

func ExampleAppendEvent() {
	fmt.Printf("%q\n", sse.AppendEvent(nil, "message", []byte("two\r\nlines")))
	// Output:
	// "event: message\ndata: two\ndata: lines\n\n"
}
