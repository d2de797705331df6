package engine

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cuelight/cuelight/interact"
	"github.com/cuelight/cuelight/interact/wire"
)

// postVersion is the layout of what nodes tell each other. Fields that a node
// does not know are ignored, and so is a higher layout: what is added later has
// to be such that the rest stays true without it.
const postVersion = 1

// nodePost is what a post for nodes says.
type nodePost struct {
	Version int         `json:"v"`
	Record  *nodeRecord `json:"record,omitempty"`
}

// nodeRecord is a record of the log that has become durable.
type nodeRecord struct {
	// Seq is its number in the log, zero for one that only repeats what a cue is.
	Seq  uint64              `json:"seq,omitempty"`
	Kind interact.RecordKind `json:"kind"`
	Cue  string              `json:"cue,omitempty"`
	Data json.RawMessage     `json:"data"`
}

// encodeRecord packs a record for nodes.
//
// Errors: one for a record whose data are no JSON, or too large for a post.
func encodeRecord(rec interact.Record) ([]byte, error) {
	data, err := json.Marshal(nodePost{Version: postVersion, Record: &nodeRecord{Seq: rec.Seq, Kind: rec.Kind, Cue: rec.Cue, Data: rec.Data}})
	switch {
	case err != nil:
		return nil, fmt.Errorf("pack record of kind %d: %w", rec.Kind, err)
	case len(data) > interact.MaxPost:
		return nil, fmt.Errorf("record of kind %d takes %d bytes, a post %d", rec.Kind, len(data), interact.MaxPost)
	}
	return data, nil
}

// decodeRecord reads a post for nodes of a channel. False: it says something
// that this program does not know. The record may still be of an unknown kind.
func decodeRecord(channel string, data []byte) (interact.Record, bool, error) {
	var p nodePost
	if err := json.Unmarshal(data, &p); err != nil {
		return interact.Record{}, false, fmt.Errorf("read post for nodes: %w", err)
	}
	if p.Record == nil || len(p.Record.Data) == 0 {
		return interact.Record{}, false, nil
	}
	rec := p.Record
	return interact.Record{Seq: rec.Seq, Channel: channel, Kind: rec.Kind, Cue: rec.Cue, Data: rec.Data}, true, nil
}

// View is what some of those who are connected to a channel may know of it.
type View struct {
	Cues    []wire.Cue   `json:"cues"`
	Tallies []wire.Tally `json:"tallies"`
}

// Scene is all that is true of a channel now, as somebody has to know it who
// comes in. Its slices are shared: nobody changes them.
type Scene struct {
	Viewers   View           `json:"viewers"`
	Producers View           `json:"producers"`
	Timeline  *wire.Timeline `json:"timeline,omitempty"`
}

// sceneData is a Scene in a snapshot of the bus.
type sceneData struct {
	Version int `json:"v"`
	Scene
}

// encodeScene packs a scene for a snapshot. Where it is too large, producers' cues
// are left out that are drafts or over, the ones prepared first first: all of
// them are in the log too.
//
// Errors: one for a scene that is too large all the same.
func encodeScene(s Scene) ([]byte, error) {
	for {
		data, err := json.Marshal(sceneData{postVersion, s})
		switch {
		case err != nil:
			return nil, fmt.Errorf("pack scene: %w", err)
		case len(data) <= interact.MaxSnapshot:
			return data, nil
		}
		less := thinned(s.Producers)
		if len(less.Cues) == len(s.Producers.Cues) {
			return nil, fmt.Errorf("scene takes %d bytes, a snapshot %d", len(data), interact.MaxSnapshot)
		}
		s.Producers = less
	}
}

// thinned returns v with half of the cues that are neither on air nor coming, at
// least one less if there is one, and with the tallies of those that are left.
func thinned(v View) View {
	idle := 0
	for _, c := range v.Cues {
		if !onStage(c.State) {
			idle++
		}
	}
	drop := (idle + 1) / 2
	gone := make(map[string]bool, drop)
	var out View
	for _, c := range v.Cues {
		if drop > 0 && !onStage(c.State) {
			drop--
			gone[c.ID] = true
			continue
		}
		out.Cues = append(out.Cues, c)
	}
	out.Tallies = slices.DeleteFunc(slices.Clone(v.Tallies), func(t wire.Tally) bool { return gone[t.Cue] })
	return out
}

func onStage(s wire.State) bool {
	switch s {
	case wire.StateScheduled, wire.StateArmed, wire.StateKeyed, wire.StateOpen, wire.StatePaused, wire.StateClosing:
		return true
	}
	return false
}

// decodeScene reads a snapshot. Empty data are an empty scene.
func decodeScene(data []byte) (Scene, error) {
	if len(data) == 0 {
		return Scene{}, nil
	}
	var s sceneData
	if err := json.Unmarshal(data, &s); err != nil {
		return Scene{}, fmt.Errorf("read scene: %w", err)
	}
	return s.Scene, nil
}
