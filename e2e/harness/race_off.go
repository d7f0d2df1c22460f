//go:build !race

package harness

// raceDetector says that the tests run without the race detector.
const raceDetector = false
