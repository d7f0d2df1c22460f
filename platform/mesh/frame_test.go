package mesh

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	meshv1 "tollgate.dev/gen/tollgate/mesh/v1"
)

// Whatever comes, reading frames ends, holds no more than has come, and panics at nothing.
func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		"", "\x00\x00\x00\x00\x02\x00\x00\x00\x01", "\x00\x00\x00\x02\x82\x00\x00\x00\x01ab\x00\x00\x00\x01\x02\x00\x00\x00\x01c",
		"\x00\x01\x00\x01\x02\x00\x00\x00\x01", "\x00\x00\x00\x05\x01\x00\x00\x00\x01\x02\x0a\x00xx",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		near, far := net.Pipe()
		defer func() { _, _ = near.Close(), far.Close() }()
		w, unfinished, came := newWire(near, bytes.NewReader(in)), make(parts), 0
		for {
			k, call, data, err := w.read()
			if err != nil {
				return
			}
			came += len(*data)
			if data, err = unfinished.join(k, call, data); err != nil {
				return
			}
			if data == nil {
				continue
			}
			if len(*data) > came {
				t.Fatalf("%d bytes of %d", len(*data), came)
			}
			var about meshv1.Call
			if message := readCall(*data, &about); len(message) > len(*data) {
				t.Fatalf("a message of %d bytes in %d", len(message), len(*data))
			}
			giveBuffer(data)
		}
	})
}

// What is sent by many at a time arrives whole, and each one's in its order.
func TestFrames(t *testing.T) {
	near, far := net.Pipe()
	from, to := newWire(near, near), newWire(far, far)
	var running sync.WaitGroup
	running.Go(from.write)
	const senders, each = 8, 20
	size := func(call uint32, i int) int { return (int(call)*31 + i*7919) % (3 * maxFrame) }
	for call := range uint32(senders) {
		running.Go(func() {
			for i := range each {
				if _, err := from.send(t.Context(), kindAnswer, call, bytes.Repeat([]byte{byte(i)}, size(call, i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	unfinished, next := make(parts), make(map[uint32]int)
	for whole := 0; whole < senders*each; {
		k, call, data, err := to.read()
		if err != nil {
			t.Fatal(err)
		}
		if data, err = unfinished.join(k, call, data); err != nil {
			t.Fatal(err)
		}
		if data == nil {
			continue
		}
		whole++
		i := next[call]
		next[call]++
		if k != kindAnswer || !bytes.Equal(*data, bytes.Repeat([]byte{byte(i)}, size(call, i))) {
			t.Fatalf("message %d of %d is %d bytes of kind %d", i, call, len(*data), k)
		}
		giveBuffer(data)
	}
	from.end(errLinkEnded)
	to.end(errLinkEnded)
	running.Wait()
}

// What waited to be written when a link ended was not heard; nothing is known of what was being
// written.
func TestWhatBegan(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _ = far.Close() }()
	w := newWire(near, near)
	first, err := w.send(t.Context(), kindCall, 1, []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(w.write)
	if _, err := io.ReadFull(far, make([]byte, 1)); err != nil { // it is being written
		t.Fatal(err)
	}
	second, err := w.send(t.Context(), kindCall, 2, []byte("second"))
	if err != nil {
		t.Fatal(err)
	}
	w.end(errLinkEnded)
	running.Wait()
	third, err := w.send(t.Context(), kindCall, 3, []byte("third"))
	if !errors.Is(err, errLinkEnded) {
		t.Errorf("a link that has ended takes a message: %v", err)
	}
	if !w.began(first) || w.began(second) || w.began(third) {
		t.Errorf("begun are %t, %t, %t", w.began(first), w.began(second), w.began(third))
	}
}

// Who waits for room on a link waits for no longer than the call.
func TestRoom(t *testing.T) {
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	w := newWire(near, near) // nobody writes
	ctx, cancel := context.WithCancel(t.Context())
	sent := make(chan error, 1)
	go func() {
		_, err := w.send(ctx, kindCall, 1, make([]byte, 2*maxUnwritten))
		sent <- err
	}()
	cancel()
	if err := <-sent; !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	w.mu.Lock()
	waiting := len(w.unwritten)
	w.mu.Unlock()
	if waiting > maxUnwritten+maxFrame+frameHeader {
		t.Errorf("%d bytes wait", waiting)
	}
}

func TestReadCall(t *testing.T) {
	said, err := proto.Marshal(&meshv1.Call{Procedure: "/a/B", TimeoutMicros: 5})
	if err != nil {
		t.Fatal(err)
	}
	whole := append(binary.AppendUvarint(nil, uint64(len(said))), said...)
	for name, tc := range map[string]struct {
		data []byte
		want string
		ok   bool
	}{
		"whole":            {append(bytes.Clone(whole), "message"...), "message", true},
		"without message":  {whole, "", true},
		"cut":              {whole[:len(whole)-1], "", false},
		"empty":            {nil, "", false},
		"a length alone":   {[]byte{5}, "", false},
		"a length too big": {[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, "", false},
		"no protobuf":      {[]byte{1, 0xff}, "", false},
	} {
		var about meshv1.Call
		message := readCall(tc.data, &about)
		if (message != nil) != tc.ok || string(message) != tc.want || tc.ok && (about.GetProcedure() != "/a/B" || about.GetTimeoutMicros() != 5) {
			t.Errorf("%s: %q of %v", name, message, &about)
		}
	}
}
