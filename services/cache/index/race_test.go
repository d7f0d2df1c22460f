//go:build race

package index_test

// raceEnabled says that the race detector runs, which makes all of it many times as slow.
const raceEnabled = true
