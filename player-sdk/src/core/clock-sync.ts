/**
 * Keeps a room clock in step over a socket: sends the pings of the schedule,
 * takes the pongs, notices sleep and steps.
 *
 * @module
 */
import { type ClockChange, type ClockSample, RoomClock } from "./clock.ts";
import { decodePong, encodePing } from "./ping.ts";
import { PingSchedule, REFRESH_BURST } from "./ping-schedule.ts";
import { type Micros, type Millis, micros, millis } from "./units.ts";

const TICK = 1000;
const STEP = 250; // ms between wall and monotonic clock within a tick: slept, or stepped

/** Around O, in µs: no pings, so that none competes with answers, and no correction. */
const QUIET = { before: 1_000_000, after: 3_000_000, freeze: 1_000_000 } as const;
/** Before O, in ms: a clock worse than this many µs is measured again, devices spread over the span. */
const PRECISION = { from: 8000, to: 3000, dispersion: 20_000 } as const;

/** The spans of R around `openings` in which a clock is not corrected. */
export const clockFreeze = (openings: readonly Micros[]): { readonly from: Micros; readonly to: Micros }[] =>
  openings.map((o) => ({ from: micros(o - QUIET.freeze), to: micros(o + QUIET.freeze) }));

/** This device's monotonic clock. */
export const localNow = (): Millis => millis(performance.now());

/** What the clock needs of the socket, and whom it tells. */
export interface ClockSyncOptions {
  /** Sends a binary frame; false if the socket cannot. */
  readonly send: (frame: ArrayBuffer) => boolean;
  readonly random: () => number;
  /** After every pong, and when the samples are dropped. */
  readonly changed: (change: ClockChange | "reset") => void;
  /** A pong came, before `changed`. Default: nobody wants to know. */
  readonly sampled?: (sample: ClockSample, epoch: number) => void;
}

/** Asks for the server's clock as long as the socket lives. */
export class ClockSync {
  readonly clock = new RoomClock();
  readonly #options: ClockSyncOptions;
  readonly #schedule: PingSchedule;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #precision: ReturnType<typeof setTimeout> | undefined;
  #seq = 0;
  readonly #asked = new Map<number, Millis>();
  #openings: readonly Micros[] = [];

  constructor(options: ClockSyncOptions) {
    this.#options = options;
    this.#schedule = new PingSchedule(options.random);
  }

  /** The socket is open: asks until `signal` aborts. */
  start(signal: AbortSignal): void {
    this.#schedule.connected(localNow());
    this.#asked.clear();
    const guard = setInterval(this.#watch(), TICK);
    this.#arm();
    signal.addEventListener("abort", () => {
      clearInterval(guard);
      clearTimeout(this.#timer);
      clearTimeout(this.#precision);
      this.#schedule.disconnected();
    });
  }

  /** Asks a few times at once: the page woke up, or precision is wanted soon. */
  refresh(): void {
    if (this.#schedule.next === Number.POSITIVE_INFINITY) return;
    this.#schedule.burst(REFRESH_BURST, localNow());
    this.#arm();
  }

  /** Asks once, whatever the schedule says: an answer shows that the socket lives. */
  probe(): void {
    this.#send(localNow());
  }

  /** Instants O of the cues ahead: the clock stands still around each, and no ping competes with answers. */
  expect(openings: readonly Micros[]): void {
    const first = openings.find((o) => !this.#openings.includes(o));
    this.#openings = openings;
    if (first !== undefined) this.#sharpenBefore(first);
    this.clock.freeze(clockFreeze(openings));
  }

  #sharpenBefore(opening: Micros): void {
    const local = this.clock.localAt(opening);
    if (local === undefined) return;
    const lead = PRECISION.to + this.#options.random() * (PRECISION.from - PRECISION.to);
    clearTimeout(this.#precision);
    this.#precision = setTimeout(
      () => {
        if (this.clock.dispersion(localNow()) > PRECISION.dispersion) this.refresh();
      },
      Math.max(0, local - lead - localNow()),
    );
  }

  /** Takes a binary frame. False if it is not a pong. */
  receive(frame: ArrayBuffer): boolean {
    const receivedAt = localNow();
    const pong = decodePong(frame);
    if (pong === undefined) return false;
    // The echo is compared with what was sent: a pong of an earlier socket or a forged one is no sample.
    const sentAt = this.#asked.get(pong.seq);
    if (sentAt === undefined || sentAt !== pong.sentAt) return true;
    this.#asked.delete(pong.seq);
    const sample: ClockSample = { sentAt, receivedAt, received: pong.received, replied: pong.replied };
    this.#options.sampled?.(sample, pong.clockEpoch);
    this.#options.changed(this.clock.add(sample, pong.clockEpoch, receivedAt));
    return true;
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const wait = this.#schedule.next - localNow();
    if (wait === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(() => this.#ask(), Math.max(0, wait));
  }

  #ask(): void {
    const now = localNow();
    if (this.#quiet(now)) {
      this.#schedule.burst(1, millis(now + TICK));
    } else {
      this.#send(now);
      this.#schedule.asked(now);
    }
    this.#arm();
  }

  #send(now: Millis): void {
    this.#seq = (this.#seq + 1) & 0xffff;
    if (this.#asked.size >= 64) this.#asked.clear();
    this.#asked.set(this.#seq, now);
    this.#options.send(encodePing({ seq: this.#seq, sentAt: now }));
  }

  /** A synced clock asks nothing while a window opens; one that is not synced needs every sample. */
  #quiet(now: Millis): boolean {
    const room = this.clock.at(now);
    if (room === undefined || !this.clock.synced(now)) return false;
    return this.#openings.some((o) => room >= o - QUIET.before && room < o + QUIET.after);
  }

  /** A device that slept, and one whose wall clock was set, look the same: measure afresh. */
  #watch(): () => void {
    let wall = Date.now();
    let mono = localNow();
    return () => {
      const moved = Date.now() - wall - (localNow() - mono);
      wall = Date.now();
      mono = localNow();
      if (Math.abs(moved) <= STEP) return;
      this.clock.reset();
      this.#options.changed("reset");
      this.refresh();
    };
  }
}
