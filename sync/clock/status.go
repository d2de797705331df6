package clock

import "time"

// WarnUTCError is the error against UTC from which on an operator is warned
// (CL14).
const WarnUTCError = 50 * time.Millisecond

// Status is how R does, for health, metrics and the API.
type Status struct {
	// Epoch names R.
	Epoch uint32
	// Rate is how much faster than the machine's clock R runs right now.
	Rate Rate
	// Slewing is what is left of the correction on its way, 0 without one.
	Slewing time.Duration
	// UTC is the latest comparison with time servers. Its zero value means that
	// there was none.
	UTC Check
	// Lead is how R follows its leader, nil on a node that follows none.
	Lead *Lead
}

// Status is how r runs at now. UTC and Lead are for the caller to fill in.
func (r *Room) Status(now time.Time) Status {
	rate, left := r.Slew(now)
	return Status{Epoch: r.Epoch(), Rate: rate, Slewing: left}
}

// Check is one comparison of R with UTC as several time servers tell it.
type Check struct {
	// At is when it was made; zero if none was.
	At Instant
	// Error is R − UTC, positive where R is ahead, and Bound by how much that
	// may be wrong at most if the servers that agree are right. They mean
	// nothing unless Known.
	Error, Bound time.Duration
	// Spread is how far apart those servers are from each other.
	Spread time.Duration
	// Servers were asked, Answered gave the time, Agree of them agree.
	Servers, Answered, Agree int
	// Sources are the servers one by one, in the order of the settings.
	Sources []Source
}

// Source is what one time server said.
type Source struct {
	// Server is its address as in the settings.
	Server string
	// Error is R − UTC by this server alone, and Bound its bound.
	Error, Bound time.Duration
	// Stratum is its distance from a reference clock, 1 to 15.
	Stratum int
	// Agrees says that it is one of those whom Check.Error comes from.
	Agrees bool
	// Err is why it gave no time, nil if it did.
	Err error
}

// Known says whether most of the servers asked, and at least two, agree: a
// single one may be wrong by any amount.
func (c Check) Known() bool { return c.Agree >= 2 && 2*c.Agree > c.Servers }

// Off says whether R is known to be off UTC by more than an operator should
// put up with (CL14).
func (c Check) Off() bool { return c.Known() && c.Error.Abs() > WarnUTCError }

// Owed is by how much R is to be moved to be at UTC again: nothing as long as
// the error is within what the servers can tell (CL15).
func (c Check) Owed() time.Duration {
	if !c.Known() || c.Error.Abs() <= max(c.Bound, time.Millisecond) {
		return 0
	}
	return -c.Error
}

// Lead is how a follower's R stands to the R of its leader.
type Lead struct {
	// Epoch is the leader's, 0 before the first answer.
	Epoch uint32
	// Followed says that R was set to the leader's at least once.
	Followed bool
	// Synced says that R is in step: the latest answer is young and near, and
	// the error below SyncedError.
	Synced bool
	// Error is R less the leader's R as last measured, positive where R is ahead.
	Error time.Duration
	// Dispersion bounds how wrong that measure may be.
	Dispersion time.Duration
	// Steady is how much faster than this machine's clock the leader's R runs.
	Steady Rate
	// Answers and Lost count pings that were answered and that were not.
	Answers, Lost uint64
}
