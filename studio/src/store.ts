/**
 * What the studio knows, and how each thing that happens changes it. The room
 * (cues, counts, audience, health) is the core's; around it lie session, channel
 * and the commands under way. Pure: the same events in the same order give the
 * same state. Nothing here is optimistic; a cue changes when the server says so.
 */
import { emptyRoom, type RoomState } from "@cuelight/player/core";
import type { Action, ChannelInfo, Recording, Session } from "./api.ts";
import { type ArchiveState, emptyArchive } from "./archive.ts";
import type { Ban } from "./people.ts";

/** A command that the server has not answered yet. */
export type Command = Action | "save" | "delete" | "latency" | "end" | "kick" | "ban" | "unban" | "links";

/** What a command is about that is about no cue. No cue has such an id. */
export const CHANNEL_LATENCY = "@latency";
export const CHANNEL_EVENT = "@event";
export const CHANNEL_LINKS = "@links";
export const recordingKey = (id: string): string => `@recording/${id}`;
export const participantKey = (id: string): string => `@participant/${id}`;

/** What is known of the channel's recordings. */
export type Recordings =
  | { readonly is: "unknown" }
  /** This server records nothing here. */
  | { readonly is: "none" }
  | { readonly is: "listed"; readonly list: readonly Recording[] }
  | { readonly is: "failed"; readonly message: string };

/** What is known of who is banned. */
export type Bans =
  | { readonly is: "unknown" }
  | { readonly is: "listed"; readonly list: readonly Ban[] }
  | { readonly is: "failed"; readonly message: string };

/** What the last command on a cue came to, shown beside its buttons. */
export interface Complaint {
  readonly cue: string;
  readonly message: string;
}

/** Something to tell the producer for some seconds. */
export interface Notice {
  readonly id: number;
  readonly tone: "good" | "bad";
  readonly text: string;
}

/** Everything the studio shows. */
export interface StudioState {
  /** `unknown` until the server has said who is signed in. */
  readonly phase: "unknown" | "signed-out" | "signed-in";
  readonly session: Session | undefined;
  /** Why the sign-in page is shown, if there is a reason. */
  readonly signInMessage: string;
  readonly signingIn: boolean;
  readonly channels: readonly ChannelInfo[];
  readonly channel: string | undefined;
  /** What is known of the channel. Empty until its welcome. */
  readonly room: RoomState;
  /** The draft that TAKE acts on, as the producer chose it. */
  readonly selected: string | undefined;
  /** The cue whose openings are looked at, if the producer chose one. */
  readonly looked: string | undefined;
  readonly recordings: Recordings;
  readonly bans: Bans;
  /** Shows that are over, as far as they were asked for. */
  readonly archive: ArchiveState;
  /** One-time links that were made last, until they are forgotten. */
  readonly links: readonly string[];
  /** By cue id, or what else it is about; a new draft is under "". */
  readonly pending: ReadonlyMap<string, Command>;
  readonly complaint: Complaint | undefined;
  readonly notices: readonly Notice[];
}

/** What can happen. */
export type StudioEvent =
  | { readonly type: "signed-in"; readonly session: Session }
  | { readonly type: "signing-in" }
  | { readonly type: "signed-out"; readonly message: string }
  | { readonly type: "channels"; readonly channels: readonly ChannelInfo[] }
  | { readonly type: "channel"; readonly name: string }
  | { readonly type: "room"; readonly room: RoomState }
  | { readonly type: "select"; readonly cue: string }
  | { readonly type: "look"; readonly cue: string | undefined }
  | { readonly type: "recordings"; readonly recordings: Recordings }
  | { readonly type: "bans"; readonly bans: Bans }
  | { readonly type: "archive"; readonly change: Partial<ArchiveState> }
  | { readonly type: "links"; readonly links: readonly string[] }
  | { readonly type: "pending"; readonly cue: string; readonly command: Command }
  | { readonly type: "settled"; readonly cue: string; readonly complaint?: string }
  | { readonly type: "notice"; readonly tone: Notice["tone"]; readonly text: string }
  | { readonly type: "dismiss"; readonly id: number };

/** The most notices on screen at once. */
const MAX_NOTICES = 3;

/** A studio that has just been opened. */
export const initialState: StudioState = {
  phase: "unknown",
  session: undefined,
  signInMessage: "",
  signingIn: false,
  channels: [],
  channel: undefined,
  room: emptyRoom,
  selected: undefined,
  looked: undefined,
  recordings: { is: "unknown" },
  bans: { is: "unknown" },
  archive: emptyArchive,
  links: [],
  pending: new Map(),
  complaint: undefined,
  notices: [],
};

/** The state after `event`. Returns `state` itself if nothing changed. */
export function reduce(state: StudioState, event: StudioEvent): StudioState {
  switch (event.type) {
    case "signing-in":
      return { ...state, signingIn: true, signInMessage: "" };
    case "signed-in":
      return { ...state, phase: "signed-in", session: event.session, signingIn: false, signInMessage: "" };
    case "signed-out":
      return { ...initialState, phase: "signed-out", signInMessage: event.message };
    case "channels":
      return { ...state, channels: event.channels };
    case "channel":
      return enter(state, event.name);
    case "room":
      return event.room === state.room ? state : { ...state, room: event.room };
    case "select":
      return { ...state, selected: event.cue, complaint: undefined };
    case "look":
      return { ...state, looked: event.cue };
    case "recordings":
      return { ...state, recordings: event.recordings };
    case "bans":
      return { ...state, bans: event.bans };
    case "archive":
      return { ...state, archive: { ...state.archive, ...event.change } };
    case "links":
      return { ...state, links: event.links };
    case "pending":
      return {
        ...state,
        pending: new Map(state.pending).set(event.cue, event.command),
        complaint: undefined,
      };
    case "settled":
      return settled(state, event.cue, event.complaint);
    case "notice":
      return noticed(state, event.tone, event.text);
    case "dismiss":
      return { ...state, notices: state.notices.filter((notice) => notice.id !== event.id) };
    default:
      return unreachable(event);
  }
}

function enter(state: StudioState, name: string): StudioState {
  if (name === state.channel) return state;
  const { phase, session, signInMessage, signingIn, channels, notices } = state;
  return { ...initialState, phase, session, signInMessage, signingIn, channels, notices, channel: name };
}

function settled(state: StudioState, cue: string, complaint: string | undefined): StudioState {
  const pending = new Map(state.pending);
  pending.delete(cue);
  return { ...state, pending, complaint: complaint === undefined ? undefined : { cue, message: complaint } };
}

function noticed(state: StudioState, tone: Notice["tone"], text: string): StudioState {
  const id = 1 + Math.max(0, ...state.notices.map((notice) => notice.id));
  return { ...state, notices: [...state.notices, { id, tone, text }].slice(-MAX_NOTICES) };
}

function unreachable(value: never): never {
  throw new Error(`unexpected ${JSON.stringify(value)}`);
}

/** Holds the state and tells who listens. */
export class StudioStore {
  #state: StudioState = initialState;
  readonly #listeners = new Set<() => void>();

  getState(): StudioState {
    return this.#state;
  }

  /** Calls `listener` after each change, until the signal aborts. */
  subscribe(listener: () => void, options: { readonly signal: AbortSignal }): void {
    this.#listeners.add(listener);
    options.signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  dispatch(event: StudioEvent): void {
    const next = reduce(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of this.#listeners) listener();
  }
}
