//go:build unix

package upstream

import (
	"errors"
	"syscall"
)

// alive says that the provider has neither closed an idle connection nor sent anything
// on it. It asks the kernel, and does not wait. Under TLS what waits may be no more than a
// session ticket, or it is the provider's farewell: only a new connection is sure.
func (c *conn) alive() bool {
	if c.raw == nil {
		return true
	}
	open := false
	err := c.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		// Nothing there, and not closed: what an idle connection should say.
		open = errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR)
		return true
	})
	return err == nil && open && !c.heldBack()
}
