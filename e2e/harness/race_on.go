//go:build race

package harness

// raceDetector says that the tests run with the race detector: the gateway then does
// as well, and exits with 66 when it finds a race.
const raceDetector = true
