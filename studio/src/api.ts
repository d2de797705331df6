/**
 * The HTTP API under `/api/v1`, typed. A producer is known by the cookie that
 * signing in sets. Every call either gives its answer or throws an
 * {@link ApiError} whose message may be shown as it is.
 */
import { type Cue, MAIN_SLOT, readCue, ShapeError } from "@cuelight/player/core";
import { type DownloadWatch, download } from "./download.ts";
import { type Ban, readBans, readClosed, readLinks } from "./people.ts";
import type { Question } from "./question.ts";
import type { BanTerms } from "./requests.ts";
import {
  type ExportFormat,
  readShowResults,
  readShowsPage,
  type ShowResults,
  type ShowsPage,
} from "./shows.ts";

/** Who is signed in, and for how long. */
export interface Session {
  readonly role: string;
  readonly channels: readonly string[];
  /** End of the session, in µs; 0 if it has none. */
  readonly expires_us: number;
}

/** A channel in the list. */
export interface ChannelInfo {
  readonly name: string;
  readonly title: string;
  readonly live: boolean;
  readonly latency_ms: number;
}

/** What can be done to a cue. */
export type Action = "take" | "extend" | "move" | "pause" | "resume" | "close" | "reveal" | "cancel";

/** How it shall be done; each action knows its own. */
export interface ActionBody {
  /** Extend and move: by how much, in ms. */
  readonly by_ms?: number;
  /** Take: the instant P of the picture that was looked at, in µs on R. Without it, the newest picture. */
  readonly at_us?: number;
  /** Take: the O that is wanted, in µs on R. */
  readonly open_us?: number;
  /** Take: open by the clock although the picture has stopped. */
  readonly anyway?: boolean;
  /** Reveal: at once, which is the default, or when every window is closed. */
  readonly when?: "now" | "clear";
}

/** A change of the target latency that was taken: what it will be, and from when on, in µs on R. */
export interface LatencyChange {
  readonly latency_ms: number;
  readonly at_us: number;
}

/** One recording of a channel. */
export interface Recording {
  readonly id: string;
  /** Instant of its first picture, in µs on R. */
  readonly started_at_us: number;
  /** From its first picture to its last, in ms. */
  readonly duration_ms: number;
  /** Size of its media. */
  readonly bytes: number;
  /** It is being made. */
  readonly live: boolean;
  /** Path of its multivariant playlist. */
  readonly url: string;
}

/** Why a call did not do what was asked. `message` is for the producer's eyes. */
export class ApiError extends Error {
  /** A code of the server, or `offline` and `timeout` when there was no answer. */
  readonly code: string;
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(code: string, status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
  }

  /** The session is over, or there never was one. */
  get signedOut(): boolean {
    return this.status === 401;
  }
}

/** What {@link Api} needs from the world. */
export interface ApiOptions {
  /** Where the API lies. Default `/api/v1`. */
  readonly base?: string;
  readonly fetch?: typeof fetch;
  /** The longest wait for an answer, in ms. Default 8000. */
  readonly timeoutMs?: number;
  /** How many times a command with a key is sent again when no answer came. Default 2. */
  readonly retries?: number;
  /** Waits `ms` before sending again. */
  readonly pause?: (ms: number) => Promise<void>;
}

interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** Makes sending again harmless. */
  readonly key?: string;
  /** What is understood; JSON unless it says otherwise. */
  readonly accept?: string;
}

/** How many shows are listed at a time. */
const SHOWS_PAGE = 20;

/** After how long without a byte a download is given up, in ms. */
const EXPORT_QUIET_MS = 30_000;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A client of the API. Holds no state but its settings. */
export class Api {
  readonly #base: string;
  readonly #fetch: typeof fetch;
  readonly #timeoutMs: number;
  readonly #retries: number;
  readonly #pause: (ms: number) => Promise<void>;

  constructor(options: ApiOptions = {}) {
    this.#base = options.base ?? "/api/v1";
    this.#fetch = options.fetch ?? ((...args) => fetch(...args));
    this.#timeoutMs = options.timeoutMs ?? 8000;
    this.#retries = options.retries ?? 2;
    this.#pause = options.pause ?? wait;
  }

  /** Trades a token for the session cookie. */
  async signIn(token: string): Promise<void> {
    await this.#send({ method: "POST", path: "/session", body: { token } });
  }

  /** Who is signed in; undefined if nobody is. */
  async session(): Promise<Session | undefined> {
    try {
      return (await this.#send({ method: "GET", path: "/session" })) as Session;
    } catch (err) {
      if (err instanceof ApiError && err.signedOut) return undefined;
      throw err;
    }
  }

  async signOut(): Promise<void> {
    await this.#send({ method: "DELETE", path: "/session" });
  }

  /** The channels that this session may see. */
  async channels(): Promise<readonly ChannelInfo[]> {
    const answer = (await this.#send({ method: "GET", path: "/channels" })) as { channels?: ChannelInfo[] };
    return answer.channels ?? [];
  }

  /** Prepares a draft. */
  async create(channel: string, question: Question): Promise<Cue> {
    const call: Call = { method: "POST", path: `${channelPath(channel)}/cues`, body: body(question) };
    return understood(readCue, await this.#send(call));
  }

  /** Changes a draft. */
  async change(channel: string, id: string, question: Question): Promise<Cue> {
    const call: Call = { method: "PUT", path: cuePath(channel, id), body: body(question) };
    return understood(readCue, await this.#send(call));
  }

  /** Deletes a draft. */
  async remove(channel: string, id: string): Promise<void> {
    await this.#send({ method: "DELETE", path: cuePath(channel, id) });
  }

  /**
   * Acts on a cue. The key names this press of the button: with it the command
   * is sent again when the line failed, and still happens once.
   */
  async act(channel: string, id: string, action: Action, key: string, body: ActionBody = {}): Promise<Cue> {
    const path = `${cuePath(channel, id)}/${action}`;
    return understood(readCue, await this.#send({ method: "POST", path, key, body }));
  }

  /** Changes the channel's target latency; the answer says from when on. */
  async setLatency(channel: string, latencyMs: number): Promise<LatencyChange> {
    const path = `${channelPath(channel)}/latency`;
    const change = await this.#send({ method: "PUT", path, body: { latency_ms: latencyMs } });
    return understood(readLatencyChange, change);
  }

  /** Ends the event that is on air. Done again it changes nothing. */
  async endEvent(channel: string): Promise<void> {
    await this.#send({ method: "POST", path: `${channelPath(channel)}/end` });
  }

  /** What was recorded of a channel, newest first; undefined if this server records none. */
  async recordings(channel: string): Promise<readonly Recording[] | undefined> {
    try {
      const answer = await this.#send({ method: "GET", path: `${channelPath(channel)}/recordings` });
      return understood(readRecordings, answer);
    } catch (err) {
      if (err instanceof ApiError && err.status === 404) return undefined;
      throw err;
    }
  }

  /** Deletes a recording that is not being made any more. */
  async removeRecording(channel: string, id: string): Promise<void> {
    await this.#send({
      method: "DELETE",
      path: `${channelPath(channel)}/recordings/${encodeURIComponent(id)}`,
    });
  }

  /** Disconnects a participant. @returns how many connections it had. */
  async kick(channel: string, participant: string): Promise<number> {
    const path = `${participantPath(channel, participant)}/kick`;
    return understood(readClosed, await this.#send({ method: "POST", path }));
  }

  /** Keeps a participant out. @returns how many connections it had. */
  async ban(channel: string, participant: string, terms: BanTerms): Promise<number> {
    const path = `${participantPath(channel, participant)}/ban`;
    const body = { for_s: terms.forS, reason: terms.reason };
    return understood(readClosed, await this.#send({ method: "POST", path, body }));
  }

  /** Lets a participant in again. */
  async unban(channel: string, participant: string): Promise<void> {
    await this.#send({ method: "DELETE", path: `${participantPath(channel, participant)}/ban` });
  }

  /** Who is kept out, newest first. */
  async bans(channel: string): Promise<readonly Ban[]> {
    return understood(readBans, await this.#send({ method: "GET", path: `${channelPath(channel)}/bans` }));
  }

  /** Makes one-time links that wait `forS` seconds for their first use. */
  async makeLinks(channel: string, count: number, forS: number): Promise<readonly string[]> {
    const call: Call = {
      method: "POST",
      path: `${channelPath(channel)}/links`,
      body: { count, for_s: forS },
    };
    return understood(readLinks, await this.#send(call));
  }

  /** Shows of a channel, newest first: the newest, or those before `before`. */
  async shows(channel: string, before?: number): Promise<ShowsPage> {
    const page = before === undefined ? "" : `&before=${before}`;
    const path = `${channelPath(channel)}/shows?limit=${SHOWS_PAGE}${page}`;
    return understood(readShowsPage, await this.#send({ method: "GET", path }));
  }

  /** What became of the cues of a show. */
  async show(channel: string, id: number): Promise<ShowResults> {
    return understood(readShowResults, await this.#send({ method: "GET", path: showPath(channel, id) }));
  }

  /** A show with every answer, as a file. */
  async exportShow(channel: string, id: number, format: ExportFormat, watch: DownloadWatch): Promise<Blob> {
    const call: Call = {
      method: "GET",
      path: `${showPath(channel, id)}/export?format=${format}`,
      accept: "*/*",
    };
    let begun = false;
    const ask = async (signal: AbortSignal): Promise<Response> => {
      const response = await this.#ask(call, signal);
      if (!response.ok) throw refusal(response.status, parse(await response.text()));
      begun = true;
      return response;
    };
    try {
      return await download(ask, watch, EXPORT_QUIET_MS);
    } catch (err) {
      if (err instanceof ApiError) throw err;
      throw begun
        ? new ApiError("cut", 0, "The download broke off. Nothing of it was kept.")
        : unanswered(err);
    }
  }

  async #send(call: Call): Promise<unknown> {
    const tries = call.key === undefined ? 1 : 1 + this.#retries;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#once(call);
      } catch (err) {
        if (attempt >= tries || !(err instanceof ApiError) || err.status !== 0) throw err;
        await this.#pause(250 * attempt);
      }
    }
  }

  async #once(call: Call): Promise<unknown> {
    let response: Response;
    let text: string;
    try {
      response = await this.#ask(call, AbortSignal.timeout(this.#timeoutMs));
      text = await response.text();
    } catch (err) {
      throw unanswered(err);
    }
    const value = parse(text);
    if (!response.ok) throw refusal(response.status, value);
    if (text !== "" && value === undefined) throw misunderstood(response.status);
    return value;
  }

  #ask(call: Call, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: call.accept ?? "application/json" };
    if (call.body !== undefined) headers["content-type"] = "application/json";
    if (call.key !== undefined) headers["idempotency-key"] = call.key;
    return this.#fetch(this.#base + call.path, {
      method: call.method,
      headers,
      credentials: "same-origin",
      cache: "no-store",
      signal,
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
    });
  }
}

/** Reads an answer by its shape. */
function understood<T>(read: (value: unknown) => T, value: unknown): T {
  try {
    return read(value);
  } catch (err) {
    if (err instanceof ShapeError) throw misunderstood(200);
    throw err;
  }
}

function readLatencyChange(value: unknown): LatencyChange {
  if (!isRecord(value)) throw new ShapeError("an announced latency is an object");
  return { latency_ms: numberOf(value, "latency_ms"), at_us: numberOf(value, "at_us") };
}

function readRecordings(value: unknown): readonly Recording[] {
  const list = isRecord(value) ? value["recordings"] : undefined;
  if (!Array.isArray(list)) throw new ShapeError("recordings are a list");
  return list.map(readRecording);
}

function readRecording(value: unknown): Recording {
  if (!isRecord(value)) throw new ShapeError("a recording is an object");
  return {
    id: textOf(value, "id"),
    started_at_us: numberOf(value, "started_at_us"),
    duration_ms: numberOf(value, "duration_ms"),
    bytes: numberOf(value, "bytes"),
    live: value["live"] === true,
    url: textOf(value, "url"),
  };
}

function numberOf(record: Record<string, unknown>, name: string): number {
  const value = record[name];
  if (typeof value !== "number") throw new ShapeError(`${name} is not a number`);
  return value;
}

function textOf(record: Record<string, unknown>, name: string): string {
  const value = record[name];
  if (typeof value !== "string") throw new ShapeError(`${name} is not a text`);
  return value;
}

const misunderstood = (status: number): ApiError =>
  new ApiError("internal", status, "The server's answer was not understood. Reload the page.");

function unanswered(err: unknown): ApiError {
  if (err instanceof DOMException && err.name === "TimeoutError") {
    return new ApiError("timeout", 0, "The server did not answer in time.");
  }
  return new ApiError("offline", 0, "The server cannot be reached. Check the network.");
}

/** The words for an answer without words of its own. */
const byStatus: Readonly<Record<number, string>> = {
  401: "You are not signed in.",
  403: "This is not allowed with your sign-in.",
  404: "This is no longer there.",
  409: "This does not fit the cue's state.",
  413: "This is too large.",
  429: "Too many requests. Wait a moment.",
  503: "The server is busy. Try again shortly.",
};

function refusal(status: number, value: unknown): ApiError {
  const inner = isRecord(value) && isRecord(value["error"]) ? value["error"] : {};
  const code = typeof inner["code"] === "string" ? inner["code"] : status >= 500 ? "internal" : "invalid";
  const said = typeof inner["message"] === "string" ? inner["message"] : "";
  return new ApiError(
    code,
    status,
    said || (byStatus[status] ?? `The server answered with an error (${status}).`),
  );
}

function parse(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

const channelPath = (name: string): string => `/channels/${encodeURIComponent(name)}`;
const showPath = (channel: string, id: number): string => `${channelPath(channel)}/shows/${id}`;
const cuePath = (channel: string, id: string): string =>
  `${channelPath(channel)}/cues/${encodeURIComponent(id)}`;

const participantPath = (channel: string, id: string): string =>
  `${channelPath(channel)}/participants/${encodeURIComponent(id)}`;

function body(q: Question): Record<string, unknown> {
  return {
    ...(q.policy === "wall" ? {} : { policy: q.policy }),
    ...(q.slot === "" || q.slot === MAIN_SLOT ? {} : { slot: q.slot }),
    ...(q.policy === "playhead" ? { max_lag_ms: q.maxLagMs } : {}),
    kind: q.kind,
    title: q.title,
    options: q.options,
    ...(q.kind === "trivia" ? { correct: q.correct } : {}),
    results: q.results,
    ...(q.changes ? { changes: true } : {}),
    window_ms: q.windowMs,
  };
}
