/**
 * A room that is known from the playlist alone: the same cues, opened at the
 * own frame, with keys fetched over HTTP. Nobody answers.
 *
 * @module
 */
import type { ClockChange } from "./clock.ts";
import { localNow } from "./clock-sync.ts";
import { type RoomLink, wireDispersion } from "./connection.ts";
import type { CarriedCue } from "./in-band.ts";
import { KeyFetcher, type KeyFetcherOptions } from "./key-fetcher.ts";
import { PictureClock } from "./picture-clock.ts";
import { RoomStore } from "./room.ts";
import { type Micros, type Millis, micros } from "./units.ts";

/** Where the room is. */
export interface PlaylistRoomOptions {
  readonly channel: string;
  /** Origin of the server, for keys. */
  readonly server: string;
  /** Default the global one. */
  readonly fetch?: KeyFetcherOptions["fetch"];
  /** In [0, 1). Default Math.random. */
  readonly random?: () => number;
}

/** See the module. Create it, then {@link PlaylistRoom.run} it. */
export class PlaylistRoom implements RoomLink {
  readonly channel: string;
  readonly role = "viewer";
  readonly room: RoomStore;
  readonly clock = new PictureClock();
  readonly thread = "picture";
  readonly answers = false;
  readonly measured = false;
  readonly token = undefined;
  readonly #keys: KeyFetcher;
  readonly #paths = new Map<string, string>();
  readonly #clockListeners = new Set<(change: ClockChange | "reset") => void>();
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor({ channel, server, fetch, random = Math.random }: PlaylistRoomOptions) {
    this.channel = channel;
    this.room = new RoomStore(channel);
    this.#keys = new KeyFetcher({
      room: this.room,
      now: () => this.now(),
      server,
      random,
      socket: false,
      addressOf: (cue) => this.#paths.get(cue.id),
      ...(fetch === undefined ? {} : { fetch }),
    });
  }

  async run({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.room.dispatch({ t: "link", link: { is: "open" } });
    this.#keys.run({ signal });
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    this.room.dispatch({ t: "link", link: { is: "idle" } });
  }

  now(): Micros | undefined {
    return this.clock.at(localNow());
  }

  /** A cue came in the playlist or the media. */
  carried({ cue, keys, at }: CarriedCue): void {
    if (keys !== undefined) this.#paths.set(cue.id, keys);
    if (at !== undefined && cue.o_us !== undefined) this.clock.latency = micros(cue.o_us - at);
    this.room.dispatch({ t: "carried", cue });
    this.#tell();
  }

  /** The frame of instant P is on screen when this device's clock shows `at`. */
  shown(instant: Micros, at: Millis): void {
    this.clock.shown(instant, at);
    if (at - this.#toldAt < 1000) return;
    this.#toldAt = at;
    this.#tell();
    this.#keys.look();
  }

  #tell(): void {
    for (const listener of this.#clockListeners) listener("stepped");
  }

  onClock(
    listener: (change: ClockChange | "reset") => void,
    { signal }: { readonly signal: AbortSignal },
  ): void {
    this.#clockListeners.add(listener);
    signal.addEventListener("abort", () => this.#clockListeners.delete(listener), { once: true });
  }

  /** There is nobody to take it. */
  answer(): void {}

  /** There is nobody to tell. */
  report(): boolean {
    return false;
  }

  dispersion(): Micros {
    return wireDispersion(this.clock.dispersion(localNow()));
  }

  /** There is nothing to wake. */
  wake(): void {}

  /** Nothing is on its way. */
  leave(): void {}

  /** Nobody asks who comes. */
  enter(): void {}
}
