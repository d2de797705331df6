package embedded

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// schemaVersion is what PRAGMA user_version holds.
const schemaVersion = 2

// schema1 numbers the records of all channels in one row from 1.
const schema1 = `
CREATE TABLE record (
	seq     INTEGER PRIMARY KEY,
	channel TEXT    NOT NULL,
	kind    INTEGER NOT NULL,
	cue     TEXT    NOT NULL,
	data    BLOB    NOT NULL,
	crc     INTEGER NOT NULL
) STRICT;
CREATE INDEX record_channel ON record (channel);`

// schema2 adds what stands in the place of a channel's first records. The rows
// of snapshot that hold are those of the generation that compacted names.
const schema2 = `
CREATE TABLE snapshot (
	id      INTEGER PRIMARY KEY,
	made    INTEGER NOT NULL,
	channel TEXT    NOT NULL,
	seq     INTEGER NOT NULL,
	kind    INTEGER NOT NULL,
	cue     TEXT    NOT NULL,
	data    BLOB    NOT NULL,
	crc     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX snapshot_made ON snapshot (made, seq);
CREATE TABLE compacted (
	id      INTEGER PRIMARY KEY,
	channel TEXT    NOT NULL,
	upto    INTEGER NOT NULL,
	dropped INTEGER NOT NULL,
	made    INTEGER NOT NULL,
	kept    INTEGER NOT NULL,
	crc     INTEGER NOT NULL
) STRICT;
PRAGMA user_version = 2;`

// migrate brings the file to this program's schema.
//
// Errors: ErrNewer, ErrDamaged.
func (s *Store) migrate(ctx context.Context) error {
	var version int
	if err := s.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	steps := []string{schema1 + schema2, schema2}
	switch {
	case version > schemaVersion:
		return fmt.Errorf("schema %d, this program knows %d: %w", version, schemaVersion, ErrNewer)
	case version == schemaVersion:
		return s.giveBack(ctx)
	case version < 0:
		return fmt.Errorf("%w (schema %d)", ErrDamaged, version)
	}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, steps[version])
		return err
	})
	if err != nil {
		return fmt.Errorf("bring schema %d to %d: %w", version, schemaVersion, err)
	}
	if version > 0 {
		s.log.Info("log brought to a newer layout", "from", version, "to", schemaVersion)
	}
	return s.giveBack(ctx)
}

// incremental is the value of PRAGMA auto_vacuum that lets freed pages be given
// back in steps.
const incremental = 2

// giveBack rewrites a file that was made to keep its freed pages, once. Where
// there is no room for that they are used again, but not given back.
func (s *Store) giveBack(ctx context.Context) error {
	var mode int
	if err := s.db.QueryRowContext(ctx, "PRAGMA auto_vacuum").Scan(&mode); err != nil {
		return fmt.Errorf("read layout: %w", err)
	}
	if mode == incremental {
		return nil
	}
	began := time.Now()
	if _, err := s.db.ExecContext(ctx, "PRAGMA auto_vacuum = INCREMENTAL; VACUUM"); err != nil {
		s.log.Warn("log not rewritten: space that it frees is used again, but not given back", "err", err)
		return nil
	}
	s.log.Info("log rewritten, so that space can be given back", "dur", time.Since(began))
	return nil
}
