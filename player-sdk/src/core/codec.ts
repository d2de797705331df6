/**
 * Messages to plain values and back, whatever those are then written in.
 *
 * @module
 */
import {
  type Codec,
  flag,
  list,
  nonzero,
  object,
  oneOf,
  optional,
  pair,
  real,
  type Shape,
  ShapeError,
  text,
  whole,
} from "./shape.ts";
import type { Micros, Millis, Ticks } from "./units.ts";
import {
  type Classes,
  type ClientMessage,
  CUE_STATES,
  type Cue,
  GRADES,
  type Grades,
  type HealthLadder,
  type HealthRendition,
  type Histogram,
  type NextLatency,
  OPENING_REASONS,
  type OutCount,
  type OutWho,
  type Receipt,
  type Resume,
  type RosterViewer,
  type Seal,
  type ServerMessage,
  type Tally,
  type Text,
  type Timeline,
} from "./wire.ts";

/** A message whose "t" is not one that this side receives. */
export class UnknownTypeError extends ShapeError {
  override readonly name = "UnknownTypeError";
}

const count = whole();
const us = whole<Micros>();
const ms = whole<Millis>();
const role = oneOf("viewer", "producer");
const syncClass = oneOf("in", "near", "far", "none");

const question = object<Text>({ title: text, options: list(text) });
const seal = object<Seal>({ kid: text, iv: text, ct: text, rev: count });

const cue = object<Cue>({
  id: text,
  rev: count,
  kind: oneOf("poll", "trivia"),
  policy: text,
  slot: nonzero(text),
  state: oneOf(...CUE_STATES),
  o_us: nonzero(us),
  c_us: nonzero(us),
  media: nonzero(whole<Ticks>()),
  max_lag_ms: nonzero(ms),
  pause_us: nonzero(us),
  resume_us: nonzero(us),
  remaining_ms: nonzero(ms),
  window_ms: ms,
  choices: count,
  results: oneOf("live", "reveal"),
  changes: nonzero(flag),
  spread_ms: nonzero(ms),
  text: optional(question),
  seal: optional(seal),
  key: nonzero(text),
  correct: optional(count),
  orphaned: nonzero(flag),
  reveal_armed: nonzero(flag),
  note: nonzero(text),
});

const timeline: Shape<Timeline> = {
  epoch: count,
  rev: count,
  state: oneOf("acquiring", "locked", "holdover", "lost"),
  scale: count,
  points: list(pair(count, us)),
  latency_ms: ms,
  next: optional(object<NextLatency>({ latency_ms: ms, at_us: us })),
  live: flag,
};

const tally: Shape<Tally> = {
  cue: text,
  ver: count,
  counts: list(count),
  total: count,
  final: nonzero(flag),
};

const receipt: Shape<Receipt> = {
  id: nonzero(text),
  cue: text,
  choice: list(count),
  seq: count,
  at_us: us,
  level: text,
  changes: nonzero(count),
};

const resume = object<Resume>({ epoch: text, offset: count });
const grades = object<Grades>({ device: count, pin: count, link: count, account: count });

const rosterViewer = object<RosterViewer>({
  participant: text,
  grade: text,
  class: text,
  synced: flag,
  since_us: us,
  rtt_us: us,
  strikes: count,
});

const offset = object<{ off?: number }>({ off: optional(count) });

const rendition = object<HealthRendition>({
  name: text,
  codec: text,
  width: nonzero(count),
  height: nonzero(count),
  fps: nonzero(real),
  bitrate: count,
  derived: nonzero(flag),
});

const ladder = object<HealthLadder>({ state: text, cpu: real, restarts: count, error: nonzero(text) });

const histogram = object<Histogram>({
  from_us: us,
  step_us: us,
  counts: list(count),
  below: count,
  above: count,
});

type Body<M extends { t: string }, T extends M["t"]> = Omit<Extract<M, { t: T }>, "t">;
type Codecs<M extends { t: string }> = { readonly [T in M["t"]]: Codec<Body<M, T>> };

const server: Codecs<ServerMessage> = {
  welcome: object({
    v: count,
    channel: text,
    title: text,
    role,
    participant: text,
    token: nonzero(text),
    grade: nonzero(oneOf(...GRADES)),
    epoch: nonzero(text),
    offset: nonzero(count),
    resumed: nonzero(flag),
    clock_epoch: count,
    now_us: us,
    timeline: optional(object(timeline)),
    cues: list(cue),
    tallies: list(object(tally)),
    receipts: list(object(receipt)),
  }),
  timeline: object(timeline),
  cue: object({ cue }),
  key: object({ cue: text, rev: count, kid: text, key: text }),
  grace: object({ token: text, until_us: us }),
  removed: object({ cue: text }),
  tally: object(tally),
  receipt: object(receipt),
  refused: object({ id: text, cue: text, code: text, message: text }),
  presence: object({
    viewers: count,
    synced: count,
    in: count,
    near: count,
    far: count,
    stuck: count,
    joins: real,
    leaves: real,
    grades,
  }),
  roster: object({ total: count, viewers: list(rosterViewer) }),
  openings: object({
    cue: text,
    rev: count,
    reported: count,
    late: count,
    expected: count,
    in_time: count,
    p50_us: us,
    p95_us: us,
    max_us: us,
    spread_us: us,
    dispersion_p95_us: us,
    histogram,
    classes: object<Classes>({ in: count, near: count, far: count, none: count }),
    out: list(object<OutCount>({ why: text, count })),
    who: list(object<OutWho>({ participant: text, class: text, why: text, away_us: us })),
    closed: count,
    clear: flag,
  }),
  health: object({
    live: flag,
    ended: nonzero(flag),
    protocol: nonzero(text),
    video: nonzero(text),
    audio: nonzero(text),
    bitrate: count,
    gop_s: real,
    timeline: text,
    ppm: real,
    uptime_s: real,
    latency_ms: ms,
    encoder: nonzero(text),
    bitrates: optional(list(count)),
    residual_ms: real,
    jitter_ms: real,
    av_offset_ms: optional(real),
    reorder_ms: nonzero(real),
    rtt_ms: optional(real),
    loss: optional(real),
    retransmits: optional(count),
    lost_packets: optional(count),
    link_latency_ms: nonzero(ms),
    encryption: nonzero(text),
    renditions: optional(list(rendition)),
    ladder: optional(ladder),
    advice: list(text),
  }),
  bye: object({ code: count, reason: text, reconnect: flag, after_ms: nonzero(ms), try: nonzero(text) }),
};

const client: Codecs<ClientMessage> = {
  hello: object({
    v: count,
    channel: text,
    role: nonzero(role),
    token: nonzero(text),
    grace: nonzero(text),
    resume: optional(resume),
    pin: nonzero(text),
    link: nonzero(text),
  }),
  answer: object({
    id: text,
    cue: text,
    rev: count,
    choice: list(count),
    at_us: nonzero(us),
    disp_us: nonzero(us),
  }),
  opened: object({
    cue: text,
    rev: count,
    at_us: us,
    frame_us: nonzero(us),
    disp_us: us,
    class: syncClass,
    late: nonzero(flag),
    why: optional(oneOf(...OPENING_REASONS)),
  }),
  closed: object({ cue: text, rev: count, at_us: us }),
  status: object({
    synced: flag,
    disp_us: us,
    rtt_us: us,
    err_us: nonzero(us),
    class: syncClass,
    visible: flag,
    stuck: nonzero(flag),
  }),
  pong: object({ nonce: text }),
};

function read<M extends { t: string }>(codecs: Codecs<M>, value: unknown): M {
  const { t } = object<{ t: string }>({ t: text }).read(value, "message");
  if (!Object.hasOwn(codecs, t)) throw new UnknownTypeError(`message: unknown type ${t.slice(0, 32)}`);
  const codec = codecs[t as M["t"]] as Codec<object>;
  return { t, ...codec.read(value, t) } as unknown as M;
}

function write<M extends { t: string }>(codecs: Codecs<M>, message: M): { readonly t: string } {
  const codec = codecs[message.t as M["t"]] as Codec<unknown>;
  return { t: message.t, ...(codec.write(message) as object) };
}

/**
 * Reads the value of a message of the server.
 *
 * @throws UnknownTypeError for a type that is not ours, ShapeError for anything else that is wrong.
 */
export const readServer = (value: unknown): ServerMessage => read(server, value);

/** The value of a message of a client, fields in the order of the examples. */
export const writeClient = (message: ClientMessage): { readonly t: string } => write(client, message);

/**
 * Reads the value of a message of a client, for rigs that play the server.
 *
 * @throws as {@link readServer}.
 */
export const readClient = (value: unknown): ClientMessage => read(client, value);

/** The value of a message of the server, for rigs that play it. */
export const writeServer = (message: ServerMessage): { readonly t: string } => write(server, message);

/**
 * The offset of a message in the channel's log, from the value of the message; 0 if it has none.
 *
 * @throws ShapeError if it is no offset.
 */
export const readOffset = (value: unknown): number => offset.read(value, "message").off ?? 0;

/**
 * Reads a cue as the HTTP API writes it.
 *
 * @throws ShapeError.
 */
export const readCue = (value: unknown): Cue => cue.read(value, "cue");

/**
 * Reads a tally as the HTTP API writes it.
 *
 * @throws ShapeError.
 */
export const readTally = (value: unknown): Tally => object(tally).read(value, "tally");

/**
 * Reads the text that a seal held.
 *
 * @throws ShapeError.
 */
export const readText = (value: unknown): Text => question.read(value, "text");

/**
 * Reads the seal of a cue from elsewhere than a message.
 *
 * @throws ShapeError.
 */
export const readSeal = (value: unknown): Seal => seal.read(value, "seal");
