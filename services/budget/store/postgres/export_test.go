package postgres

// For this package's tests.
var (
	SpendQuery = spendQuery
	Migrations = migrations
)
