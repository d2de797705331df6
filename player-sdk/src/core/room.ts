/**
 * What is known of a channel's room: a state that only messages change.
 *
 * @module
 */
import type { CodecName } from "./encoding.ts";
import { openSeal } from "./seal.ts";
import { ShapeError } from "./shape.ts";
import type { Transport } from "./transport.ts";
import {
  type AnswerMessage,
  CUE_STATES,
  type Cue,
  type Grade,
  type HealthMessage,
  type KeyMessage,
  type OpeningsMessage,
  type PresenceMessage,
  type Receipt,
  type RefusedMessage,
  type Role,
  type RosterMessage,
  type ServerMessage,
  type Tally,
  type Timeline,
  type WelcomeMessage,
} from "./wire.ts";

/** Which way the messages take, and how they are written. */
export interface Via {
  readonly transport: Transport;
  readonly codec: CodecName;
}

/** How the connection is. */
export type Link =
  | { readonly is: "idle" }
  | { readonly is: "connecting"; readonly attempt: number }
  | { readonly is: "open"; readonly via?: Via }
  /** Lost; the next attempt is at `retryAt` on this device's clock. */
  | { readonly is: "waiting"; readonly reason: string; readonly retryAt: number }
  /** Closed for good. */
  | { readonly is: "refused"; readonly code: number; readonly reason: string };

/** A key, and the revision of the cue that it was given out for: an earlier one does not open with it. */
export interface SealKey {
  readonly key: string;
  readonly rev: number;
}

/** Everything known of the room. Never changed in place. */
export interface RoomState {
  readonly link: Link;
  readonly channel: string;
  readonly title: string;
  readonly role: Role | undefined;
  readonly participant: string | undefined;
  /** How sure the server is that the participant is one person. */
  readonly grade: Grade | undefined;
  readonly timeline: Timeline | undefined;
  readonly cues: ReadonlyMap<string, Cue>;
  readonly tallies: ReadonlyMap<string, Tally>;
  /** This participant's, by cue. */
  readonly receipts: ReadonlyMap<string, Receipt>;
  /** Answers that no receipt or refusal came for yet, by cue. */
  readonly sending: ReadonlyMap<string, AnswerMessage>;
  /** The last refusal, by cue. */
  readonly refusals: ReadonlyMap<string, RefusedMessage>;
  /** For producers. */
  readonly presence: PresenceMessage | undefined;
  /** For producers. */
  readonly roster: RosterMessage | undefined;
  readonly openings: ReadonlyMap<string, OpeningsMessage>;
  readonly health: HealthMessage | undefined;
  /** Keys of seals, by their kid: the latest of them. */
  readonly keys: ReadonlyMap<string, SealKey>;
  /** Deleted drafts: a late message does not bring one back. */
  readonly removed: ReadonlySet<string>;
}

/** What changes the state: messages of the server, and what this side does. */
export type RoomAction =
  | ServerMessage
  | { readonly t: "link"; readonly link: Link }
  /** A cue came in the playlist or in the media. It says less than the server's own message. */
  | { readonly t: "carried"; readonly cue: Cue }
  | { readonly t: "sending"; readonly answer: AnswerMessage };

/** A room of which nothing is known. */
export const emptyRoom: RoomState = {
  link: { is: "idle" },
  channel: "",
  title: "",
  role: undefined,
  participant: undefined,
  grade: undefined,
  timeline: undefined,
  cues: new Map(),
  tallies: new Map(),
  receipts: new Map(),
  sending: new Map(),
  refusals: new Map(),
  presence: undefined,
  roster: undefined,
  openings: new Map(),
  health: undefined,
  keys: new Map(),
  removed: new Set(),
};

const put = <V>(map: ReadonlyMap<string, V>, key: string, value: V): ReadonlyMap<string, V> =>
  new Map(map).set(key, value);

function without<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  if (!map.has(key)) return map;
  const copy = new Map(map);
  copy.delete(key);
  return copy;
}

/** A pause goes and comes within the rank of open. */
const order = ({ state }: Cue): number => CUE_STATES.indexOf(state === "paused" ? "open" : state);

/** Whether `next` replaces `have`: a higher revision, or the same with a state not earlier (W5). */
export const supersedes = (next: Cue, have: Cue | undefined): boolean =>
  have === undefined || next.rev > have.rev || (next.rev === have.rev && order(next) >= order(have));

const newer = (next: Tally, have: Tally | undefined): boolean => have === undefined || next.ver >= have.ver;

/** The state after an action. Returns `state` itself if nothing changes. */
export function reduceRoom(state: RoomState, action: RoomAction): RoomState {
  switch (action.t) {
    case "link":
      return { ...state, link: action.link };
    case "welcome":
      return welcome(state, action);
    case "timeline":
      return timeline(state, action);
    case "cue":
      return withCue(state, action.cue);
    case "carried":
      return action.cue.rev > (state.cues.get(action.cue.id)?.rev ?? 0) ? withCue(state, action.cue) : state;
    case "key":
      return withKey(state, action);
    case "removed":
      return {
        ...state,
        cues: without(state.cues, action.cue),
        removed: new Set(state.removed).add(action.cue),
      };
    case "tally":
      return newer(action, state.tallies.get(action.cue))
        ? { ...state, tallies: put(state.tallies, action.cue, action) }
        : state;
    case "sending":
      return {
        ...state,
        sending: put(state.sending, action.answer.cue, action.answer),
        refusals: without(state.refusals, action.answer.cue),
      };
    case "receipt":
      return receipt(state, action);
    case "refused":
      return refused(state, action);
    case "presence":
      return { ...state, presence: action };
    case "roster":
      return { ...state, roster: action };
    case "openings":
      return { ...state, openings: put(state.openings, action.cue, action) };
    case "health":
      return { ...state, health: action };
    case "bye":
    case "grace":
      return state;
    default:
      return action satisfies never;
  }
}

function withCue(state: RoomState, cue: Cue): RoomState {
  const have = state.cues.get(cue.id);
  if (state.removed.has(cue.id) || !supersedes(cue, have)) return state;
  const keys = learn(state.keys, cue.seal?.kid, cue.key, cue.rev);
  return { ...state, keys, cues: put(state.cues, cue.id, unsealed(cue, have, { ...state, keys })) };
}

/** A key may come before its cue. */
function withKey(state: RoomState, { cue, rev, kid, key }: KeyMessage): RoomState {
  const keys = learn(state.keys, kid, key, rev);
  if (keys === state.keys) return state;
  const have = state.cues.get(cue);
  if (have === undefined) return { ...state, keys };
  return { ...state, keys, cues: put(state.cues, cue, unsealed(have, have, { ...state, keys })) };
}

const MAX_KEYS = 64;

function learn(
  keys: RoomState["keys"],
  kid: string | undefined,
  key: string | undefined,
  rev: number,
): RoomState["keys"] {
  if (kid === undefined || key === undefined) return keys;
  const have = keys.get(kid);
  if (have?.key === key && have.rev >= rev) return keys;
  return new Map([...keys, [kid, { key, rev: Math.max(rev, have?.rev ?? 0) }] as const].slice(-MAX_KEYS));
}

/** The cue with its text, if that can be had: a cue without its key has none, and cannot open. */
function unsealed(cue: Cue, have: Cue | undefined, { channel, keys }: RoomState): Cue {
  const { seal } = cue;
  const known = seal === undefined ? undefined : keys.get(seal.kid);
  if (seal === undefined || known === undefined || known.rev > cue.rev) return cue;
  const text = have?.seal?.ct === seal.ct && have.seal.kid === seal.kid ? have.text : undefined;
  try {
    return { ...cue, text: text ?? openSeal({ channel, cue: cue.id, seal, key: known.key }) };
  } catch (cause) {
    if (cause instanceof ShapeError) return cue; // a key of something else opens nothing
    throw cause;
  }
}

function timeline(state: RoomState, next: Timeline): RoomState {
  const have = state.timeline;
  return have !== undefined && next.rev < have.rev ? state : { ...state, timeline: next };
}

/**
 * A receipt ends the sending of its answer. Where answers may be changed, one
 * of an earlier answer does not end that of the next.
 */
function receipt(state: RoomState, message: Receipt): RoomState {
  const { cue, id, changes = 0 } = message;
  const stale = changes < (state.receipts.get(cue)?.changes ?? 0);
  const receipts = stale ? state.receipts : put(state.receipts, cue, message);
  const other = state.cues.get(cue)?.changes === true && state.sending.get(cue)?.id !== id;
  if (other && state.sending.has(cue)) return { ...state, receipts };
  return {
    ...state,
    receipts,
    sending: without(state.sending, cue),
    refusals: without(state.refusals, cue),
  };
}

/** A refusal of an answer that has been counted after all, or was replaced, says nothing. */
function refused(state: RoomState, message: RefusedMessage): RoomState {
  if (state.sending.get(message.cue)?.id !== message.id) return state;
  return {
    ...state,
    sending: without(state.sending, message.cue),
    refusals: put(state.refusals, message.cue, message),
  };
}

/** Whether a receipt ends the sending of an answer: where answers may be changed, only one that says the same. */
const settles = (
  receipt: Receipt | undefined,
  cue: Cue | undefined,
  { id, choice }: AnswerMessage,
): boolean =>
  receipt !== undefined &&
  (cue?.changes !== true || receipt.id === id || String(receipt.choice) === String(choice));

/**
 * The snapshot decides which cues there are; of each the later one of snapshot
 * and memory holds (W4, W5). A welcome that resumes changes none.
 */
function welcome(state: RoomState, snapshot: WelcomeMessage): RoomState {
  const keys = snapshot.cues.reduce((all, { seal, key, rev }) => learn(all, seal?.kid, key, rev), state.keys);
  const opened = { ...state, keys, channel: snapshot.channel };
  const given = snapshot.cues.map((next): [string, Cue] => {
    const have = state.cues.get(next.id);
    return [next.id, unsealed(have === undefined || supersedes(next, have) ? next : have, have, opened)];
  });
  const tallies = snapshot.tallies.map((next): [string, Tally] => {
    const have = state.tallies.get(next.cue);
    return [next.cue, have === undefined || newer(next, have) ? next : have];
  });
  const receipts = new Map(snapshot.receipts.map((r) => [r.cue, r]));
  const resumed = snapshot.resumed === true;
  const cues = resumed ? state.cues : new Map(given);
  const sending = [...state.sending].filter(([id, a]) => !settles(receipts.get(id), cues.get(id), a));
  return {
    ...state,
    channel: snapshot.channel,
    title: snapshot.title,
    role: snapshot.role,
    participant: snapshot.participant,
    timeline: snapshot.timeline ?? state.timeline,
    grade: snapshot.grade,
    keys,
    cues,
    tallies: resumed ? state.tallies : new Map(tallies),
    receipts,
    sending: new Map(sending),
  };
}

/** Holds the state of a room and tells who asked when it changes. */
export class RoomStore {
  #state: RoomState;
  readonly #listeners = new Set<() => void>();

  /** @param channel - Seals are bound to it; welcome says it again. */
  constructor(channel = "") {
    this.#state = { ...emptyRoom, channel };
  }

  /** The state now. The same object until something changes. */
  getState(): RoomState {
    return this.#state;
  }

  /** Calls `listener` after every change until `signal` aborts. */
  subscribe(listener: () => void, { signal }: { readonly signal: AbortSignal }): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  /** Applies an action. Listeners run before it returns. */
  dispatch(action: RoomAction): void {
    const next = reduceRoom(this.#state, action);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}
