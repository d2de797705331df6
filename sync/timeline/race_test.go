//go:build race

package timeline_test

// underRace cuts the proof short: the detector makes arithmetic ten times
// slower and has nothing to find in a package without goroutines.
const underRace = true
