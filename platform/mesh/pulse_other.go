//go:build !linux

package mesh

import (
	"net"
	"time"
)

// setUserTimeout is for systems that know no such bound.
func setUserTimeout(*net.TCPConn, time.Duration) error { return nil }
