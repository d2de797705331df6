package srt

import (
	"slices"
	"time"

	"github.com/cuelight/cuelight/ingest"
)

// demux takes one program out of a transport stream and follows its tables
// when they change. It belongs to one goroutine.
type demux struct {
	// onProgram is told each PMT that differs from the one before, its version
	// included.
	onProgram func(program) error
	// onUnit is told each PES packet of the program's video and audio.
	onUnit func(stream, unit) error
	// onJump is told that the program's clock begins anew.
	onJump func()

	pat     sections
	tables  map[uint16]*sections // of programs, by the PID of their PMT
	chosen  uint16               // PID of our program's PMT, 0 while it has not come
	program program
	open    map[uint16]*elementary
}

// elementary is one stream of the program.
type elementary struct {
	stream
	pes
}

const (
	patPID = 0
	// maxPrograms is how many programs are looked at for one with a PMT.
	maxPrograms = 16
	// Video streams have these ids in PES packets, whatever the PMT says.
	firstVideoID, lastVideoID = 0xe0, 0xef
)

// take looks at one packet.
func (d *demux) take(packet []byte, at time.Time) error {
	p := parsePacket(packet)
	if p.jumps && !p.broken && p.pid == d.program.clock {
		if err := d.jump(p); err != nil {
			return err
		}
	}
	switch {
	case p.broken || len(p.payload) == 0:
		return nil
	case p.pid == patPID:
		for _, s := range d.pat.take(p) {
			d.choose(s)
		}
		return nil
	}
	if table := d.tables[p.pid]; table != nil && (d.chosen == 0 || d.chosen == p.pid) {
		return d.table(p, table)
	}
	if e := d.open[p.pid]; e != nil {
		return d.piece(e, p, at)
	}
	return nil
}

// choose takes up the programs of a PAT. The one that we have stays as long as
// it is there.
func (d *demux) choose(section []byte) {
	pmts, ok := parsePAT(section)
	if !ok || d.chosen != 0 && slices.Contains(pmts, d.chosen) {
		return
	}
	d.chosen = 0
	tables := make(map[uint16]*sections)
	for _, pid := range pmts[:min(len(pmts), maxPrograms)] {
		if tables[pid] = d.tables[pid]; tables[pid] == nil {
			tables[pid] = new(sections)
		}
	}
	d.tables = tables
}

func (d *demux) table(p tsPacket, table *sections) error {
	for _, s := range table.take(p) {
		found, ok := parsePMT(s)
		if !ok || d.chosen != 0 && found.equal(d.program) {
			continue
		}
		if err := d.end(); err != nil {
			return err
		}
		d.chosen, d.program = p.pid, found
		d.open = make(map[uint16]*elementary)
		for _, s := range found.streams {
			d.open[s.pid] = &elementary{stream: s}
		}
		if err := d.onProgram(found); err != nil {
			return err
		}
	}
	return nil
}

// piece is a packet of one of the program's streams.
func (d *demux) piece(e *elementary, p tsPacket, at time.Time) error {
	if p.scrambled && e.how != ignored {
		return ingest.Errorf(ingest.CodeUnsupportedCodec, "the MPEG-TS is scrambled: switch scrambling off and use SRT's passphrase")
	}
	ends, err := e.take(p, at, func(whole []byte, at time.Time) error { return d.unit(e, whole, at) })
	if err == nil && !ends {
		return ingest.Errorf(ingest.CodeMalformed, "a picture of more than %d MiB: lower the encoder's bitrate", maxPES>>20)
	}
	return err
}

func (d *demux) unit(e *elementary, whole []byte, at time.Time) error {
	u, ok := parsePES(whole)
	if !ok {
		return nil
	}
	u.at = at
	if e.how == ignored {
		if e.kind == privateStream && u.id >= firstVideoID && u.id <= lastVideoID {
			return ingest.Unsupported("video that MPEG-TS has no name for (AV1?)")
		}
		return nil
	}
	if !u.stamped {
		return nil
	}
	return d.onUnit(e.stream, u)
}

// jump notes that the program's clock begins anew in this packet.
func (d *demux) jump(p tsPacket) error {
	if e := d.open[p.pid]; e != nil && p.starts {
		if err := d.last(e); err != nil {
			return err
		}
	}
	d.onJump()
	return nil
}

// end hands on the last unit of every stream, which nothing comes after.
func (d *demux) end() error {
	for _, s := range d.program.streams {
		if e := d.open[s.pid]; e != nil {
			if err := d.last(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// last hands on a stream's unit that ends here.
func (d *demux) last(e *elementary) error {
	whole := e.pes.end()
	if whole == nil {
		return nil
	}
	return d.unit(e, whole, e.at)
}
