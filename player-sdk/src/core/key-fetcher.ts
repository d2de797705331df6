/**
 * Fetches the keys of seals over HTTP when the socket does not bring them.
 *
 * @module
 */
import { localNow } from "./clock-sync.ts";
import { closesAt, phaseOf } from "./phase.ts";
import type { RoomStore } from "./room.ts";
import { object, ShapeError, text } from "./shape.ts";
import { type Micros, micros } from "./units.ts";
import type { Cue } from "./wire.ts";

const KEY_LEAD = 300_000; // µs before O at which keys come out
const SOCKET_GRACE = 150_000; // µs after O that an open socket is given to bring one
const JITTER = 100; // ms over which clients spread
const AGAIN = 300; // ms between tries
/** µs after O from which a key that was refused before says that O is another by now: it comes out that long ahead. */
const MOVED = 150_000;
const PATIENCE = 5000; // ms that an answer is waited for

/** What a fetcher needs of the world. */
export interface KeyFetcherOptions {
  readonly room: RoomStore;
  readonly now: () => Micros | undefined;
  /** Any address of the server: keys lie under /api/v1 of its origin. */
  readonly server: string;
  /** In [0, 1). */
  readonly random: () => number;
  /** Default the global one. */
  readonly fetch?: (url: string, init: { signal: AbortSignal }) => Promise<Pick<Response, "ok" | "json">>;
  /** Whether there is a socket that may bring keys. Default true. */
  readonly socket?: boolean;
  /** Where keys lie, if a cue says it otherwise. */
  readonly addressOf?: (cue: Cue) => string | undefined;
}

interface Plan {
  readonly timer: ReturnType<typeof setTimeout>;
  /** What it was made for. */
  readonly reason: string;
  fetching: boolean;
  /** The server has said that it is too early. */
  refused: boolean;
}

const answer = object<{ kid: string; key: string }>({ kid: text, key: text });

/** Watches the room for cues that are to open and have no key. Create it, then {@link KeyFetcher.run} it. */
export class KeyFetcher {
  readonly #options: KeyFetcherOptions;
  readonly #plans = new Map<string, Plan>();
  #lifetime: AbortSignal = AbortSignal.abort();

  constructor(options: KeyFetcherOptions) {
    this.#options = options;
  }

  /** Fetches until `signal` aborts. */
  run({ signal }: { readonly signal: AbortSignal }): void {
    this.#lifetime = signal;
    this.#options.room.subscribe(() => this.look(), { signal });
    signal.addEventListener(
      "abort",
      () => {
        for (const { timer } of this.#plans.values()) clearTimeout(timer);
        this.#plans.clear();
      },
      { once: true },
    );
    this.look();
  }

  /** Looks at what is ahead; to be called when R is known at last. A plan holds until the cue or the socket changes. */
  look(): void {
    const { cues, link } = this.#options.room.getState();
    for (const cue of cues.values()) {
      const reason = `${cue.rev} ${cue.o_us} ${link.is === "open"}`;
      const plan = this.#plans.get(cue.id);
      if (!lacksKey(cue) || plan?.fetching === true || plan?.reason === reason) continue;
      const wait = this.#wait(cue.id);
      if (wait !== undefined) this.#plan(cue.id, wait, reason);
    }
  }

  #plan(id: string, wait: number, reason: string): void {
    clearTimeout(this.#plans.get(id)?.timer);
    const refused = this.#plans.get(id)?.refused ?? false;
    const timer = setTimeout(() => void this.#try(id), wait);
    this.#plans.set(id, { timer, reason, fetching: false, refused });
  }

  /** How long to wait, in ms; undefined if there is nothing to wait for. */
  #wait(id: string): number | undefined {
    const { room, now, random, socket = true } = this.#options;
    const cue = room.getState().cues.get(id);
    const at = now();
    if (cue?.o_us === undefined || !lacksKey(cue) || at === undefined || isOver(cue, at)) return undefined;
    const waits = socket && room.getState().link.is === "open";
    const due = waits ? cue.o_us + SOCKET_GRACE : cue.o_us - KEY_LEAD;
    return Math.max(0, (due - at) / 1000) + random() * JITTER;
  }

  async #try(id: string): Promise<void> {
    const plan = this.#plans.get(id);
    const wait = this.#wait(id);
    if (plan === undefined || wait === undefined) {
      this.#plans.delete(id);
      return;
    }
    if (wait > JITTER) {
      this.#plan(id, wait, plan.reason); // R was corrected meanwhile
      return;
    }
    plan.fetching = true;
    const startedAt = localNow();
    await this.#fetch(id, plan);
    if (!this.#lifetime.aborted) this.#plan(id, Math.max(0, AGAIN - (localNow() - startedAt)), plan.reason);
  }

  async #fetch(id: string, plan: Plan): Promise<void> {
    const { room } = this.#options;
    const cue = room.getState().cues.get(id);
    if (cue?.seal === undefined) return;
    const get = this.#options.fetch ?? ((url, init) => fetch(url, init));
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(), PATIENCE);
    const stop = (): void => timeout.abort();
    this.#lifetime.addEventListener("abort", stop, { once: true });
    try {
      const response = await get(this.#address(cue), { signal: timeout.signal });
      if (!response.ok) {
        plan.refused = true;
        return;
      }
      const { kid, key } = answer.read(await response.json(), "key");
      if (kid !== cue.seal.kid) return;
      if (plan.refused && (this.#options.now() ?? 0) > (cue.o_us ?? 0) + MOVED) await this.#keyLead();
      if (!this.#lifetime.aborted) room.dispatch({ t: "key", cue: id, rev: cue.rev, kid, key });
    } catch (cause) {
      if (cause instanceof ShapeError) return; // whatever answered is not this server: it is asked again
      // So is a network that fails.
    } finally {
      clearTimeout(timer);
      this.#lifetime.removeEventListener("abort", stop);
    }
  }

  #keyLead(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, KEY_LEAD / 1000));
  }

  #address(cue: Cue): string {
    const { server, room, addressOf } = this.#options;
    const { channel } = room.getState();
    const path = `/api/v1/channels/${encodeURIComponent(channel)}/keys/${cue.seal?.kid ?? ""}`;
    return new URL(addressOf?.(cue) ?? path, server).href;
  }
}

const lacksKey = (cue: Cue): boolean => cue.seal !== undefined && cue.text === undefined;

function isOver(cue: Cue, now: Micros): boolean {
  const phase = phaseOf(cue, now);
  const closes = closesAt(cue) ?? micros(0);
  return (
    phase === "gone" || phase === "draft" || (now >= closes && phase !== "closed" && phase !== "revealed")
  );
}
