package api

import (
	"maps"
	"sync"

	"github.com/cuelight/cuelight/interact"
)

// refusals counts requests that were refused. Its zero value has none. Safe for
// concurrent use.
type refusals struct {
	mu     sync.Mutex // protects byCode
	byCode map[interact.Code]uint64
}

func (f *refusals) count(code interact.Code) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byCode == nil {
		f.byCode = make(map[interact.Code]uint64)
	}
	f.byCode[code]++
}

// Refused returns how many requests were refused since the start, by the code of
// the error that they were answered with. Those of Config.Stream are not among
// them. The caller owns the map. Safe for concurrent use.
func (a *API) Refused() map[interact.Code]uint64 {
	a.refusals.mu.Lock()
	defer a.refusals.mu.Unlock()
	return maps.Clone(a.refusals.byCode)
}
