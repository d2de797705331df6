/**
 * Cues as they travel in the playlist and inside the media. Pure.
 *
 * @module
 */
import { readSeal } from "./codec.ts";
import { CUE_STATES, type Cue, type CueState, type Kind, type Results, type Seal } from "./cue.ts";
import { type Codec, nonzero, object, oneOf, optional, ShapeError, text, whole } from "./shape.ts";
import { type Micros, type Millis, millis, type Ticks } from "./units.ts";

/** The class of date ranges that are cues, and the name of the events inside the media. */
export const IN_BAND_CLASS = "org.cuelight.cue";

const DEFAULT_POLICY = "wall";

/** The object of one revision of a cue. */
interface InBandObject {
  readonly id: string;
  readonly rev: number;
  readonly kind: Kind;
  readonly policy?: string;
  readonly slot?: string;
  readonly media?: Ticks;
  readonly o_us: Micros;
  readonly c_us: Micros;
  readonly choices: number;
  readonly results?: Results;
  readonly max_lag_ms?: Millis;
  readonly seal?: Seal;
  readonly keys?: string;
  readonly state?: CueState;
}

const seal: Codec<Seal> = { read: (value) => readSeal(value), write: (value) => value };

const inBand = object<InBandObject>({
  id: text,
  rev: whole(),
  kind: oneOf("poll", "trivia"),
  policy: nonzero(text),
  slot: nonzero(text),
  media: nonzero(whole<Ticks>()),
  o_us: whole<Micros>(),
  c_us: whole<Micros>(),
  choices: whole(),
  results: optional(oneOf("live", "reveal")),
  max_lag_ms: nonzero(whole<Millis>()),
  seal: optional(seal),
  keys: nonzero(text),
  state: optional(oneOf(...CUE_STATES)),
});

/** A cue from the playlist or the media. */
export interface CarriedCue {
  readonly cue: Cue;
  /** Path of the key of its seal. */
  readonly keys: string | undefined;
  /** The instant P at which it hangs; undefined where the carrier does not say. */
  readonly at: Micros | undefined;
}

/**
 * Reads the object of a cue.
 *
 * @param at - P of the carrier's place.
 * @throws ShapeError.
 */
export function readCarried(json: string, at?: Micros): CarriedCue {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new ShapeError("cue in band: not JSON");
  }
  const {
    keys,
    state = "armed",
    policy = DEFAULT_POLICY,
    results = "reveal",
    ...rest
  } = inBand.read(value, "cue in band");
  const window_ms: Millis = millis(Math.max(0, rest.c_us - rest.o_us) / 1000);
  return { cue: { ...rest, policy, state, window_ms, results }, keys, at };
}

/** A value of a date range's attribute as it was before it was fitted into quotes. */
export function fromAttribute(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw new ShapeError("cue in band: not percent-encoded");
  }
}

const ID3_HEAD = 10;
const UTF8 = 3;

/**
 * The text of the user defined frame `name` (TXXX) of an ID3v2.4 tag; undefined if the tag holds something else.
 * Spec: ID3v2.4.0 structure §3.1, §4; frames §4.2.6.
 */
export function userText(tag: Uint8Array, name: string): string | undefined {
  const latin = (from: number, to: number): string => String.fromCharCode(...tag.subarray(from, to));
  if (tag.length < 2 * ID3_HEAD + 1 || latin(0, 3) !== "ID3") return undefined;
  if (latin(ID3_HEAD, ID3_HEAD + 4) !== "TXXX" || tag[2 * ID3_HEAD] !== UTF8) return undefined;
  const body = new TextDecoder().decode(tag.subarray(2 * ID3_HEAD + 1));
  const [title, ...rest] = body.split("\0");
  return title === name ? rest.join("\0") : undefined;
}
