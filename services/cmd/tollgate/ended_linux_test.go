package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shutListener ends the listener on an address behind the program's back.
func shutListener(t *testing.T, addr string) {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		fd, err := strconv.Atoi(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		listens, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
		if err != nil || listens == 0 {
			continue
		}
		name, err := syscall.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		if at, ok := name.(*syscall.SockaddrInet4); ok && netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)).String() == addr {
			if err := syscall.Shutdown(fd, syscall.SHUT_RDWR); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("nothing listens on %s", addr)
}

// The program ends with an error when its listener does: whoever runs it starts it again.
func TestEndsWithItsListener(t *testing.T) {
	for name, value := range map[string]string{
		"TOLLGATE_ADDR": "127.0.0.1:0", "TOLLGATE_DATA_DIR": t.TempDir(), "TOLLGATE_MASTER_KEY": "sk-a-master-key-0123456789",
	} {
		t.Setenv(name, value)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	out, announces := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, nil, announces, io.Discard)
		done <- err
		announces.CloseWithError(fmt.Errorf("the program ended: %w", err))
	}()
	var text strings.Builder
	address := regexp.MustCompile(`http://(127\.0\.0\.1:[0-9]+)\s`)
	for !address.MatchString(text.String()) {
		piece := make([]byte, 4096)
		n, err := out.Read(piece)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(piece[:n])
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // what else it says; ends with the program
	addr := address.FindStringSubmatch(text.String())[1]
	shutListener(t, addr)
	err := <-done
	if err == nil || ctx.Err() != nil || !strings.Contains(err.Error(), "the listener on "+addr+" ended before its time") {
		t.Errorf("it ends with %v", err)
	}
}
