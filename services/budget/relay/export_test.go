package relay

import eventv1 "tollgate.dev/gen/tollgate/event/v1"

// RenderWith has the relay render events by another function.
func (r *Relay) RenderWith(render func(*eventv1.UsageRecord) ([]byte, error)) { r.render = render }
