//go:build race

package cache_test

// raceEnabled says that the race detector runs, which makes all of it ten times as slow.
const raceEnabled = true
