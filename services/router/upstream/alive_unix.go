//go:build unix

package upstream

import (
	"errors"
	"syscall"
)

// alive says that the provider has neither closed an idle connection nor sent anything
// on it. It asks the kernel, and does not wait.
func (c *conn) alive() bool {
	if c.raw == nil {
		return true
	}
	open := false
	err := c.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		n, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		// Nothing there, and not closed: what an idle connection should say. Under TLS a
		// record may wait that is none of an answer's, such as a session ticket.
		open = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) || n > 0 && c.pool.tls
		return true
	})
	return err == nil && open
}
