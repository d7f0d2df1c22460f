package postgres

// TakeCallersTime has the store take the time of the service's clock, which a test sets, for
// the database's.
func (s *Store) TakeCallersTime() { s.callersTime = true }

// For this package's tests.
var (
	SpendQuery = spendQuery
	Migrations = migrations
)
