package follow

// Candidate is what the nodes tell each other about their clocks, so that they
// agree on who may lead. It is made to be sent as JSON.
type Candidate struct {
	// Member says that the node's R is the room's: it has followed or led since
	// it started.
	Member bool `json:"member"`
	// Epoch names its R.
	Epoch uint32 `json:"epoch"`
}

// Candidate is what this node tells others. Safe for concurrent use.
func (f *Follower) Candidate() Candidate {
	select {
	case <-f.followed:
		return Candidate{Member: true, Epoch: f.cfg.Room.Epoch()}
	default:
		return Candidate{Epoch: f.cfg.Room.Epoch()}
	}
}

// MayLead says whether a node may try to become the leader, given the other
// nodes that there are: members may, and where there is none, anybody, who then
// begins the room. A stranger that led would give everybody another time (CL21).
func (c Candidate) MayLead(others []Candidate) bool {
	if c.Member {
		return true
	}
	for _, o := range others {
		if o.Member {
			return false
		}
	}
	return true
}
