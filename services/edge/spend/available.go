package spend

import (
	"context"

	"tollgate.dev/platform/money"
)

// Available is what the poorest strict budget of a call can still set aside: what this
// replica holds of it and what nobody does, as far as is known. Limited is false where no
// strict budget applies. Scopes that no call named yet are asked for; the errors are
// those of Reserve.
func (m *Meter) Available(ctx context.Context, scopes Scopes) (left money.Nano, limited bool, err error) {
	left, limited, known := m.available(&scopes)
	if known {
		return left, limited, nil
	}
	none := Reservation{call: Call{Scopes: scopes}}
	if err := m.setAside(ctx, &none, m.now(), 0, 0); err != nil {
		return 0, false, err
	}
	m.undo(&none)
	left, limited, _ = m.available(&scopes)
	return left, limited, nil
}

func (m *Meter) available(scopes *Scopes) (left money.Nano, limited, known bool) {
	left, known = money.Nano(forever), true
	now, epoch := m.now(), m.epoch.Load()
	var buf [4]scopeKey
	for _, key := range scopes.keys(&buf) {
		a := m.find(&key)
		switch {
		case a == nil:
			known = false
			continue
		case a.bare.Load() == epoch:
			continue
		}
		a.mu.Lock()
		known = known && a.epoch == epoch
		for _, p := range a.pools {
			if p.soft || now >= p.ends {
				continue
			}
			limited = true
			left = min(left, money.AddSat(max(p.free(), 0), max(p.remaining, 0)))
		}
		a.mu.Unlock()
	}
	return left, limited, known
}
