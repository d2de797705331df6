-- +goose Up

-- One row a channel; who writes about a channel holds its row.
CREATE TABLE channels (
    channel      TEXT PRIMARY KEY,
    tenant       TEXT NOT NULL DEFAULT '',
    log          INTEGER NOT NULL DEFAULT 1, -- which log of the channel; another one after its data were removed
    audited      INTEGER  NOT NULL DEFAULT 0, -- its last record whose audit is here
    last_take_us INTEGER  NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE shows (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    channel      TEXT NOT NULL REFERENCES channels,
    tenant       TEXT NOT NULL DEFAULT '',
    started_us   INTEGER NOT NULL,            -- the first cue taken
    last_take_us INTEGER NOT NULL,
    last_us      INTEGER NOT NULL,            -- the last window's end, or the last cue taken
    ended_us     INTEGER,
    ended_by     TEXT CHECK (ended_by IN ('producer', 'quiet')),
    started_at   TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', started_us / 1000000, 'unixepoch') || printf('.%06dZ', started_us % 1000000)) VIRTUAL,
    ended_at     TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', ended_us / 1000000, 'unixepoch') || printf('.%06dZ', ended_us % 1000000)) VIRTUAL
) STRICT;
CREATE INDEX shows_channel ON shows (channel, id);
CREATE INDEX shows_ended ON shows (ended_us);

-- What was prepared on a channel; with show_id from the moment it was taken.
CREATE TABLE rundowns (
    channel     TEXT NOT NULL REFERENCES channels,
    cue         TEXT NOT NULL,
    show_id     INTEGER REFERENCES shows ON DELETE CASCADE,
    position    INTEGER NOT NULL,             -- ascending in the order they were prepared
    kind        TEXT   NOT NULL,
    title       TEXT   NOT NULL,
    options     TEXT   NOT NULL,             -- JSON, a list of labels
    prepared_us INTEGER,
    taken_us    INTEGER,
    removed_us  INTEGER,
    prepared_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', prepared_us / 1000000, 'unixepoch') || printf('.%06dZ', prepared_us % 1000000)) VIRTUAL,
    taken_at    TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', taken_us / 1000000, 'unixepoch') || printf('.%06dZ', taken_us % 1000000)) VIRTUAL,
    removed_at  TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', removed_us / 1000000, 'unixepoch') || printf('.%06dZ', removed_us % 1000000)) VIRTUAL,
    PRIMARY KEY (channel, cue)
) STRICT;
CREATE INDEX rundowns_show ON rundowns (show_id);

-- Finished cues. What is final of each is in results, counts and answers.
CREATE TABLE cues (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    channel   TEXT NOT NULL REFERENCES channels,
    cue       TEXT NOT NULL,
    show_id   INTEGER  NOT NULL REFERENCES shows ON DELETE CASCADE,
    rev       INTEGER  NOT NULL,
    state     TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    title     TEXT    NOT NULL,
    correct   INTEGER,                       -- the right option, NULL for a poll
    results   TEXT    NOT NULL,
    policy    TEXT    NOT NULL,
    slot      TEXT    NOT NULL,
    changes   INTEGER NOT NULL,              -- answers could be changed
    window_ms INTEGER  NOT NULL,
    note      TEXT    NOT NULL,
    taken_us  INTEGER,
    open_us   INTEGER,
    close_us  INTEGER,
    taken_at  TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', taken_us / 1000000, 'unixepoch') || printf('.%06dZ', taken_us % 1000000)) VIRTUAL,
    open_at   TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', open_us / 1000000, 'unixepoch') || printf('.%06dZ', open_us % 1000000)) VIRTUAL,
    close_at  TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', close_us / 1000000, 'unixepoch') || printf('.%06dZ', close_us % 1000000)) VIRTUAL,
    UNIQUE (channel, cue)
) STRICT;
CREATE INDEX cues_show ON cues (show_id);

CREATE TABLE results (
    cue_id      INTEGER  PRIMARY KEY REFERENCES cues ON DELETE CASCADE,
    version     INTEGER  NOT NULL,            -- of the tally
    total       INTEGER  NOT NULL,            -- participants counted
    complete    INTEGER NOT NULL,            -- false: the answers themselves were gone already
    recorded_us INTEGER  NOT NULL,            -- by the clock of the machine that wrote
    recorded_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', recorded_us / 1000000, 'unixepoch') || printf('.%06dZ', recorded_us % 1000000)) VIRTUAL
) STRICT;

CREATE TABLE counts (
    cue_id INTEGER  NOT NULL REFERENCES cues ON DELETE CASCADE,
    option INTEGER NOT NULL,                 -- from 0
    label  TEXT    NOT NULL,
    count  INTEGER  NOT NULL,
    PRIMARY KEY (cue_id, option)
) STRICT, WITHOUT ROWID;

CREATE TABLE answers (
    cue_id      INTEGER  NOT NULL REFERENCES cues ON DELETE CASCADE,
    participant TEXT NOT NULL,
    choice      TEXT    NOT NULL,            -- the options chosen, from 0, with commas between
    credited_us INTEGER,
    received_us INTEGER,
    changes     INTEGER NOT NULL,            -- how many times it was changed
    correct     INTEGER,                     -- NULL for a poll
    points      INTEGER,                      -- NULL where none are given
    credited_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', credited_us / 1000000, 'unixepoch') || printf('.%06dZ', credited_us % 1000000)) VIRTUAL,
    received_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', received_us / 1000000, 'unixepoch') || printf('.%06dZ', received_us % 1000000)) VIRTUAL,
    PRIMARY KEY (cue_id, participant)
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_participant ON answers (participant, cue_id);

-- Who did what. Log 0 is for what is in no log, numbered by its instant.
CREATE TABLE audit (
    channel TEXT NOT NULL REFERENCES channels,
    log     INTEGER NOT NULL,
    seq     INTEGER  NOT NULL,
    at_us   INTEGER,
    actor   TEXT    NOT NULL,                -- who, as far as it is known
    role    TEXT    NOT NULL,                -- producer or room
    action  TEXT    NOT NULL,
    cue     TEXT NOT NULL,
    rev     INTEGER,
    key     TEXT    NOT NULL,                -- the caller's idempotency key
    subject TEXT NOT NULL,       -- the participant it is about
    detail  TEXT    NOT NULL,
    show_id INTEGER REFERENCES shows ON DELETE CASCADE,
    at      TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', at_us / 1000000, 'unixepoch') || printf('.%06dZ', at_us % 1000000)) VIRTUAL,
    PRIMARY KEY (channel, log, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_show ON audit (show_id);
CREATE INDEX audit_subject ON audit (subject) WHERE subject <> '';

-- Cues that were deleted: they are not written again from what a log still has.
CREATE TABLE forgotten (
    channel TEXT NOT NULL,
    cue     TEXT NOT NULL,
    PRIMARY KEY (channel, cue)
) STRICT, WITHOUT ROWID;

-- SHA-256 of participants that were erased: likewise.
CREATE TABLE erased (
    digest    TEXT PRIMARY KEY,
    erased_us INTEGER NOT NULL,
    erased_at TEXT GENERATED ALWAYS AS (strftime('%Y-%m-%dT%H:%M:%S', erased_us / 1000000, 'unixepoch') || printf('.%06dZ', erased_us % 1000000)) VIRTUAL
) STRICT, WITHOUT ROWID;
