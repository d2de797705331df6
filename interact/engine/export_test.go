package engine

import "github.com/cuelight/cuelight/interact"

// SpreadOf is over how long an audience spreads its answers.
var SpreadOf = spreadOf

// DecodeRecord reads a post for nodes.
var DecodeRecord = decodeRecord

// RevOf is the revision of a cue that a record holds.
func RevOf(data []byte) int {
	rev, err := readRevision(data)
	if err != nil {
		return 0
	}
	return rev.Cue.Rev
}

// Encodings of what nodes tell each other.
var (
	EncodeRecord = encodeRecord
	EncodeScene  = encodeScene
	DecodeScene  = decodeScene
)

// Repack reads a whisper of reports and packs it again.
func Repack(data []byte) (whispers [][]byte, reports, moves int, err error) {
	r, m, err := decodeReports(data)
	if err != nil {
		return nil, 0, 0, err
	}
	whispers, err = encodeReports(r, m)
	return whispers, len(r), len(m), err
}

// PackOpenings packs openings, and that their participants have come.
func PackOpenings(all []interact.Opening) ([][]byte, error) {
	var reports []report
	var moves []move
	for _, o := range all {
		reports = append(reports, report{opening: o})
		moves = append(moves, move{o.Participant, true})
	}
	return encodeReports(reports, moves)
}
