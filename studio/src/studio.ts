/** Drives the studio: session, channel, socket and commands. Elements only show what the store holds. */
import { Connection, type RoomState } from "@cuelight/player/core";
import { type Action, type ActionBody, type Api, ApiError, type Session } from "./api.ts";
import { Archive } from "./archive.ts";
import { seconds } from "./format.ts";
import { normalize, type Question, sentence } from "./question.ts";
import { randomId } from "./random-id.ts";
import type { BanTerms } from "./requests.ts";
import {
  CHANNEL_EVENT,
  CHANNEL_LATENCY,
  CHANNEL_LINKS,
  type Command,
  participantKey,
  recordingKey,
  StudioStore,
} from "./store.ts";

/** What {@link Studio} needs from the world. */
export interface StudioPorts {
  readonly api: Api;
  /** Of the socket: wss://HOST/ws/v1. */
  readonly socketUrl: string;
  /** Where the last channel is kept between visits. */
  readonly memory: { read(): string | undefined; write(channel: string): void };
}

/** How often the list of channels is read again, in ms. */
const CHANNELS_EVERY = 15_000;
/** How long a good notice stays; a bad one stays twice as long. */
const NOTICE_MS = 5000;

/** How often the list of recordings is read again, in ms. */
const RECORDINGS_EVERY = 30_000;

/** The studio without its screen. Create it, then {@link Studio.run} it. */
export class Studio {
  readonly store = new StudioStore();
  /** Past shows. */
  readonly archive: Archive;
  readonly #ports: StudioPorts;
  #connection: Connection | undefined;
  /** Lives as long as somebody is signed in. */
  #session = new AbortController();
  /** Lives as long as a channel is worked on. */
  #visit = new AbortController();

  constructor(ports: StudioPorts) {
    this.#ports = ports;
    this.archive = new Archive({
      api: ports.api,
      store: this.store,
      visit: () => this.#visit.signal,
      failed: (err) => this.#checkSession(err),
    });
  }

  /** The socket to the channel that is worked on. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** The room clock in µs; undefined while it is not known. */
  readonly now = (): number | undefined => this.#connection?.now();

  /** Signs in with the token, if there is one, or finds the session that there is. Ends with the signal. */
  async run(token: string | undefined, signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.#end(), { once: true });
    if (token !== undefined) await this.signIn(token);
    else await this.#resume();
  }

  async #resume(): Promise<void> {
    try {
      const session = await this.#ports.api.session();
      if (session === undefined) this.store.dispatch({ type: "signed-out", message: "" });
      else await this.#admit(session);
    } catch (err) {
      this.store.dispatch({ type: "signed-out", message: said(err) });
    }
  }

  /** Trades the token for a session. What is wrong with it is shown on the sign-in page. */
  async signIn(token: string): Promise<void> {
    this.store.dispatch({ type: "signing-in" });
    try {
      await this.#ports.api.signIn(token);
      const session = await this.#ports.api.session();
      if (session === undefined)
        throw new ApiError(
          "denied",
          0,
          "This browser did not keep the sign-in. Allow cookies for this site.",
        );
      await this.#admit(session);
    } catch (err) {
      this.#expelled(signInProblem(err));
    }
  }

  async #admit(session: Session): Promise<void> {
    if (!isProducer(session)) {
      await this.#ports.api.signOut();
      throw new ApiError("denied", 0, VIEWER_TOKEN);
    }
    const channels = await this.#ports.api.channels();
    this.store.dispatch({ type: "signed-in", session });
    this.store.dispatch({ type: "channels", channels });
    const remembered = this.#ports.memory.read();
    const first = channels.find((channel) => channel.name === remembered) ?? channels[0];
    if (first !== undefined) this.enter(first.name);
    this.#keepChannels();
  }

  #keepChannels(): void {
    const session = new AbortController();
    this.#session = session;
    const timer = setInterval(() => {
      this.#ports.api.channels().then(
        (channels) => session.signal.aborted || this.store.dispatch({ type: "channels", channels }),
        (err: unknown) => this.#checkSession(err),
      );
    }, CHANNELS_EVERY);
    session.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }

  /** Ends the session here and on the server. */
  async signOut(): Promise<void> {
    try {
      await this.#ports.api.signOut();
      this.#expelled("");
    } catch (err) {
      if (err instanceof ApiError && err.signedOut) this.#expelled("");
      else this.#notice("bad", `Not signed out: ${said(err)}`);
    }
  }

  /** Leaves the channel, if any, and works on this one. */
  enter(channel: string): void {
    if (this.store.getState().channel === channel) return;
    this.#visit.abort();
    const visit = new AbortController();
    this.#visit = visit;
    this.#ports.memory.write(channel);
    this.store.dispatch({ type: "channel", name: channel });
    const connection = new Connection({ url: this.#ports.socketUrl, channel, role: "producer" });
    this.#connection = connection;
    connection.room.subscribe(() => this.#room(connection.room.getState()), { signal: visit.signal });
    this.#keepRecordings(visit.signal);
    connection.run({ signal: visit.signal }).then(
      () => visit.signal.aborted || this.#refused(),
      (err: unknown) => this.#notice("bad", said(err)),
    );
  }

  #room(room: RoomState): void {
    this.store.dispatch({ type: "room", room });
  }

  /** The socket was refused for good: perhaps because the session is over. */
  #refused(): void {
    this.#ports.api.session().then(
      (session) => session ?? this.#expelled("Your session has ended. Sign in again."),
      (err: unknown) => this.#notice("bad", said(err)),
    );
  }

  /** The page woke up or the network came back. */
  wake(): void {
    this.#connection?.wake();
  }

  /** Makes a draft the next one to be taken. */
  select(cue: string): void {
    this.store.dispatch({ type: "select", cue });
  }

  /** Shows how a cue opened; undefined shows the one on air again. */
  look(cue: string | undefined): void {
    this.store.dispatch({ type: "look", cue });
  }

  /** Acts on a cue. The key names this press: however often it is sent, it happens once. */
  async act(cue: string, action: Action, body: ActionBody = {}): Promise<void> {
    const key = randomId();
    await this.#command(cue, action, async (channel) => {
      const changed = await this.#ports.api.act(channel, cue, action, key, body);
      this.#connection?.room.dispatch({ t: "cue", cue: changed });
      this.#notice("good", doneWords(action, body));
    });
  }

  /** Changes the target latency of the channel. */
  async setLatency(latencyMs: number): Promise<void> {
    await this.#command(CHANNEL_LATENCY, "latency", async (channel) => {
      await this.#ports.api.setLatency(channel, latencyMs);
      this.#notice("good", `The target latency becomes ${seconds(latencyMs / 1000)}. Players glide there.`);
    });
  }

  /** Ends the event that is on air. */
  async endEvent(): Promise<void> {
    await this.#command(CHANNEL_EVENT, "end", async (channel) => {
      await this.#ports.api.endEvent(channel);
      this.#notice("good", "The event has ended. Viewers play to its end.");
    });
    await this.readRecordings();
  }

  /** Deletes a recording. */
  async removeRecording(id: string): Promise<void> {
    await this.#command(recordingKey(id), "delete", async (channel) => {
      await this.#ports.api.removeRecording(channel, id);
      this.#notice("good", "Recording deleted.");
    });
    await this.readRecordings();
  }

  /** Reads the list of recordings. */
  async readRecordings(): Promise<void> {
    const { signal } = this.#visit;
    const { channel } = this.store.getState();
    if (channel === undefined) return;
    try {
      const list = await this.#ports.api.recordings(channel);
      if (signal.aborted) return;
      const recordings = list === undefined ? ({ is: "none" } as const) : ({ is: "listed", list } as const);
      this.store.dispatch({ type: "recordings", recordings });
    } catch (err) {
      if (signal.aborted) return;
      this.store.dispatch({ type: "recordings", recordings: { is: "failed", message: said(err) } });
      this.#checkSession(err);
    }
  }

  #keepRecordings(visit: AbortSignal): void {
    const read = (): void => void this.readRecordings();
    const timer = setInterval(read, RECORDINGS_EVERY);
    visit.addEventListener("abort", () => clearInterval(timer), { once: true });
    read();
  }

  /** Disconnects a participant, who may come back. */
  async kick(participant: string): Promise<void> {
    await this.#command(participantKey(participant), "kick", async (channel) => {
      const closed = await this.#ports.api.kick(channel, participant);
      this.#notice("good", closed === 0 ? "That viewer had left already." : "Removed.");
    });
  }

  /** Keeps a participant out. */
  async ban(participant: string, terms: BanTerms): Promise<void> {
    await this.#command(participantKey(participant), "ban", async (channel) => {
      await this.#ports.api.ban(channel, participant, terms);
      this.#notice("good", "Banned. It cannot take part here.");
    });
    await this.readBans();
  }

  /** Lets a participant in again. */
  async unban(participant: string): Promise<void> {
    await this.#command(participantKey(participant), "unban", async (channel) => {
      await this.#ports.api.unban(channel, participant);
      this.#notice("good", "That viewer may come back.");
    });
    await this.readBans();
  }

  /** Reads who is banned. */
  async readBans(): Promise<void> {
    const { signal } = this.#visit;
    const { channel } = this.store.getState();
    if (channel === undefined) return;
    try {
      const list = await this.#ports.api.bans(channel);
      if (!signal.aborted) this.store.dispatch({ type: "bans", bans: { is: "listed", list } });
    } catch (err) {
      if (signal.aborted) return;
      this.store.dispatch({ type: "bans", bans: { is: "failed", message: said(err) } });
      this.#checkSession(err);
    }
  }

  /** Makes one-time links; none forgets those that were made. */
  async makeLinks(count: number, forS: number): Promise<void> {
    if (count === 0) {
      this.store.dispatch({ type: "links", links: [] });
      return;
    }
    const { signal } = this.#visit;
    await this.#command(CHANNEL_LINKS, "links", async (channel) => {
      const links = await this.#ports.api.makeLinks(channel, count, forS);
      if (!signal.aborted) this.store.dispatch({ type: "links", links });
    });
  }

  /**
   * Keeps a question: a new draft, or the new text of `cue`.
   *
   * @returns what was wrong with it in the server's words; undefined if it is kept.
   */
  async save(cue: string | undefined, question: Question): Promise<ApiError | undefined> {
    const tidy = normalize(question);
    return this.#command(cue ?? "", "save", async (channel) => {
      const { api } = this.#ports;
      const kept = cue === undefined ? await api.create(channel, tidy) : await api.change(channel, cue, tidy);
      this.#connection?.room.dispatch({ t: "cue", cue: kept });
      this.#notice("good", savedWords(cue === undefined, kept.state === "draft"));
    });
  }

  /** Deletes a draft. */
  async remove(cue: string): Promise<void> {
    await this.#command(cue, "delete", async (channel) => {
      await this.#ports.api.remove(channel, cue);
      this.#connection?.room.dispatch({ t: "removed", cue });
      this.#notice("good", "Draft deleted.");
    });
  }

  /** Takes a notice off the screen. */
  dismiss(id: number): void {
    this.store.dispatch({ type: "dismiss", id });
  }

  async #command(
    cue: string,
    command: Command,
    run: (channel: string) => Promise<void>,
  ): Promise<ApiError | undefined> {
    const { channel, pending } = this.store.getState();
    if (channel === undefined || pending.has(cue)) return undefined;
    this.store.dispatch({ type: "pending", cue, command });
    try {
      await run(channel);
      this.store.dispatch({ type: "settled", cue });
      return undefined;
    } catch (err) {
      const error = err instanceof ApiError ? err : new ApiError("internal", 0, said(err));
      this.store.dispatch({ type: "settled", cue, complaint: sentence(error.message) });
      this.#checkSession(error);
      return error;
    }
  }

  #checkSession(err: unknown): void {
    if (err instanceof ApiError && err.signedOut) this.#expelled("Your session has ended. Sign in again.");
  }

  #expelled(message: string): void {
    this.#end();
    this.store.dispatch({ type: "signed-out", message });
  }

  #end(): void {
    this.#session.abort();
    this.#visit.abort();
    this.#connection = undefined;
  }

  #notice(tone: "good" | "bad", text: string): void {
    this.store.dispatch({ type: "notice", tone, text });
    const id = this.store.getState().notices.at(-1)?.id;
    if (id === undefined) return;
    setTimeout(() => this.dismiss(id), tone === "good" ? NOTICE_MS : 2 * NOTICE_MS);
  }
}

/** The words for a command that was done. */
export function doneWords(action: Action, body: ActionBody): string {
  const by = Math.abs(body.by_ms ?? 0) / 1000;
  switch (action) {
    case "take":
      if (body.anyway === true) return "It opens by the room clock, without a picture.";
      if (body.open_us !== undefined) return "Scheduled. It opens on every screen together.";
      return body.at_us === undefined
        ? "Taken at the live edge. It opens on every screen together."
        : "Taken on the picture you saw. It opens on every screen together.";
    case "extend":
      return `Extended by ${seconds(by)}.`;
    case "move":
      return `Opens ${seconds(by)} ${(body.by_ms ?? 0) < 0 ? "earlier" : "later"}.`;
    case "pause":
      return "Paused: answers stop counting everywhere in half a second.";
    case "resume":
      return "Resumed: answers count again everywhere in half a second.";
    case "close":
      return "Closing for everybody.";
    case "reveal":
      return body.when === "clear" ? "The result comes when every window is closed." : "Revealed.";
    case "cancel":
      return "Withdrawn.";
    default:
      return action satisfies never;
  }
}

function savedWords(made: boolean, draft: boolean): string {
  if (made) return "Draft added.";
  return draft ? "Draft changed." : "The taken cue has its new text.";
}

const VIEWER_TOKEN = "This token is for viewers. The studio needs a producer's token.";

const isProducer = (session: Session): boolean => session.role === "producer";

const said = (err: unknown): string => (err instanceof Error ? err.message : String(err));

/** The words for a token that did not sign in. */
export function signInProblem(err: unknown): string {
  if (!(err instanceof ApiError)) return said(err);
  if (err.status !== 401 && err.status !== 403) return err.message;
  if (/expired/iu.test(err.message)) return "This token has expired. Ask for a new sign-in link.";
  if (/viewer/iu.test(err.message)) return VIEWER_TOKEN;
  return "This token is not valid here. Check that it was copied whole, or ask for a new sign-in link.";
}
