package spend

import (
	"errors"
	"time"

	"tollgate.dev/platform/errs"
	"tollgate.dev/services/edge/spend/journal"
)

// Why a call is refused that its budgets might pay for. All are service_unavailable, and say
// what it is that an operator should look at.

var (
	errClosed    = errors.New("spend: closed")
	errQueueFull = errors.New("spend: the queue of records is full")
)

// unavailable is for what the budget service must answer and does not.
func unavailable(cause error) error { return refused("the budget service is away", cause) }

// stopping is for what comes while the process ends, or later.
func stopping(cause error) error { return refused("this gateway is about to stop", cause) }

// unrecorded is for records that wait: the budget service takes none, or too few.
func unrecorded(cause error) error {
	return refused("too many settled calls wait for the ledger", cause)
}

// unlogged is for a log that did not take a reservation.
func unlogged(cause error) error {
	switch {
	case errors.Is(cause, journal.ErrFull):
		return refused("the local log of calls has no room", cause)
	case errors.Is(cause, journal.ErrClosed):
		return stopping(cause)
	default:
		return refused("the local log of calls cannot be written", cause)
	}
}

func refused(why string, cause error) error {
	return errs.New(errs.ServiceUnavailable, why).WithRetryAfter(time.Second).WithCause(cause)
}
