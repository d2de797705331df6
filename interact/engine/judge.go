package engine

import (
	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/sync/cue"
)

// judge returns the entry that an answer to the cue becomes, or the code with
// which it is refused. It goes by the revision, the instants of the answer and
// whether its participant is barred, and by nothing else: every node that has
// the same revision comes to the same (RE4).
func (it *item) judge(a *interact.Answer, barred bool) (interact.Entry, interact.Code) {
	if !named(a.Participant) || barred {
		return interact.Entry{}, interact.CodeNotAdmitted
	}
	choice, err := interact.SelectionOf(a.Choice, len(it.question.Options))
	if err != nil {
		return interact.Entry{}, interact.CodeOf(err)
	}
	if choice.Len() != 1 {
		return interact.Entry{}, interact.CodeInvalid // both kinds take one option
	}
	credited, verdict := it.cue.Judge(cue.Attempt{
		Stamp: a.Stamp, Received: a.Received,
		RTTMin: a.Line.RTTMin, Jitter: a.Line.Jitter, Dispersion: a.Line.Dispersion,
		Delay: interact.SendDelay(it.id, a.Participant, it.spread),
	})
	if verdict != cue.Accepted {
		return interact.Entry{}, codeOf(verdict)
	}
	return interact.Entry{Participant: a.Participant, Choice: choice, Credited: credited, Received: a.Received}, ""
}

// named says whether somebody of this name can take part at all.
func named(participant string) bool {
	return participant != "" && len(participant) <= interact.MaxParticipant
}
