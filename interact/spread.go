package interact

import "time"

// MaxSpread is the longest time over which a cue's answers may be spread.
const MaxSpread = 500 * time.Millisecond

// FNV-1a with 64 bits: small enough to be the same in every client.
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// SendDelay is how much later than its tap a participant sends its answer to a
// cue whose answers are spread, so that a crowd that taps together does not
// arrive together. Clients and server work it out alike, and the server gives
// it back: whoever sends later may arrive later by as much.
//
// The result is a whole number of milliseconds in [0, spread]. A spread of less
// than a millisecond is none.
func SendDelay(cue, participant string, spread time.Duration) time.Duration {
	if spread < time.Millisecond {
		return 0
	}
	hash := fnv(fnv(fnvOffset, cue), "\n")
	hash = fnv(hash, participant)
	return time.Duration(hash%(uint64(spread.Milliseconds())+1)) * time.Millisecond
}

func fnv(hash uint64, s string) uint64 {
	for i := range len(s) {
		hash = (hash ^ uint64(s[i])) * fnvPrime
	}
	return hash
}
