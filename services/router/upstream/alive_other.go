//go:build !unix

package upstream

import "time"

// surelyOpen is how long an unused connection is taken for one that the provider keeps.
const surelyOpen = time.Second

// alive cannot ask the kernel here. A request on a connection that the provider has closed
// is an attempt of unknown cost, so that only one that was in use a moment ago is used again.
func (c *conn) alive() bool {
	return c.pool.client.opts.Clock.Now().Sub(c.idle) < surelyOpen && !c.heldBack()
}
