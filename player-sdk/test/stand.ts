import { vi } from "vitest";
import {
  type ClosedMessage,
  type Cue,
  localNow,
  type Micros,
  micros,
  millis,
  type OpenedMessage,
  RoomClock,
  type RoomLink,
  RoomStore,
  type Ticks,
} from "../src/core/index.ts";
import { Closer } from "../src/player/closing.ts";
import { Opener, type Opening } from "../src/player/opening.ts";

/** µs that R is ahead of the device's clock. */
export const AHEAD = 1_795_410_000_000_000; // µs that R is ahead of the device's clock
export const FRAME = 1000 / 60;
export const roomAt = (local: number): Micros => micros(Math.round(local * 1000) + AHEAD);

/** A page: its visibility, and display frames on a grid as a 60 Hz screen has them. */
export class FakeScreen extends EventTarget {
  visibilityState = "visible";
  #waiting: FrameRequestCallback[] = [];
  #busyUntil = Number.NEGATIVE_INFINITY;

  constructor(phase: number) {
    super();
    const next = (i: number): void => {
      const at = phase + i * FRAME;
      setTimeout(() => {
        this.#show(at);
        next(i + 1);
      }, at - performance.now());
    };
    next(0);
  }

  request(callback: FrameRequestCallback): number {
    this.#waiting.push(callback);
    return this.#waiting.length;
  }

  cancel(): void {
    this.#waiting = [];
  }

  #show(at: number): void {
    if (this.visibilityState === "hidden" || at < this.#busyUntil) return;
    const due = this.#waiting;
    this.#waiting = [];
    for (const callback of due) callback(at);
  }

  /** The page is busy from now on: no frame reaches it for `ms`. */
  stall(ms: number): void {
    this.#busyUntil = performance.now() + ms;
  }

  turn(visibility: "visible" | "hidden"): void {
    this.visibilityState = visibility;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

export interface Stand {
  readonly room: RoomStore;
  readonly clock: RoomClock;
  readonly screen: FakeScreen;
  readonly opener: Opener;
  /** Device time at which each cue was made visible. */
  readonly shown: Map<string, number>;
  readonly openings: Opening[];
  readonly reports: (OpenedMessage | ClosedMessage)[];
}

/** How a screen and its player are. */
export interface StandOptions {
  readonly phase?: number;
  readonly clock?: "good" | "guess";
  readonly picture?: () => "paused" | "behind" | undefined;
  readonly screenInstant?: (media: Ticks) => Micros | undefined;
  readonly archive?: () => boolean;
  readonly driven?: (cue: string) => boolean;
}

/** An opener and a closer on a screen of their own. */
export function stand(signal: AbortSignal, options: StandOptions = {}): Stand {
  const screen = new FakeScreen(options.phase ?? 0);
  vi.stubGlobal("document", screen);
  vi.stubGlobal("requestAnimationFrame", (callback: FrameRequestCallback) => screen.request(callback));
  vi.stubGlobal("cancelAnimationFrame", () => screen.cancel());
  const clock = new RoomClock();
  clock.guess(roomAt(localNow()), localNow());
  if (options.clock !== "guess") {
    const now = localNow();
    const sample = { sentAt: now, receivedAt: now, received: roomAt(now), replied: roomAt(now) };
    clock.add(sample, 7, now);
  }
  const room = new RoomStore();
  const shown = new Map<string, number>();
  const openings: Opening[] = [];
  const reports: (OpenedMessage | ClosedMessage)[] = [];
  const connection = {
    room,
    clock,
    now: () => clock.at(localNow()),
    onClock: () => undefined,
    dispersion: () => micros(1800),
    report: (message: OpenedMessage | ClosedMessage) => reports.push(message) > 0,
  } as unknown as RoomLink;
  const opener = new Opener({
    connection,
    show: (cue) => shown.set(cue.id, performance.now()),
    shownInstant: () => micros(AHEAD - 3_000_000),
    class: () => "in",
    ...(options.picture === undefined ? {} : { picture: options.picture }),
    ...(options.screenInstant === undefined ? {} : { screenInstant: options.screenInstant }),
    ...(options.archive === undefined ? {} : { archive: options.archive }),
    ...(options.driven === undefined ? {} : { driven: options.driven }),
    opened: (opening) => {
      openings.push(opening);
      closer.look();
    },
  });
  const closer = new Closer({ connection, opened: (cue) => opener.hasOpened(cue), show: () => undefined });
  opener.run({ signal });
  closer.run({ signal });
  return { room, clock, screen, opener, shown, openings, reports };
}

export const text = { title: "Tea or coffee?", options: ["Tea", "Coffee"] };
export const cueAt = (opens: number, more: Partial<Cue> = {}): Cue => ({
  id: "c1",
  rev: 2,
  kind: "poll",
  policy: "wall",
  state: "keyed",
  o_us: roomAt(opens),
  c_us: roomAt(opens + 20_000),
  window_ms: millis(20_000),
  choices: 2,
  results: "live",
  text,
  ...more,
});
export const sealed = (opens: number): Cue => {
  const { text: _, ...cue } = cueAt(opens, { state: "armed" });
  return cue;
};
