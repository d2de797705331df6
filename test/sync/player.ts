/**
 * One player of a run: its place, its screen, and what was seen on it.
 *
 * @module
 */
import { CHANNEL, type Server } from "../e2e/server.ts";
import { hostMicros, WIDTH } from "../e2e/source.ts";
import { type Appearance, type Area, filmOpening } from "./audit.ts";
import { ChromiumScreen } from "./chromium.ts";
import type { Place } from "./netns.ts";
import type { ClockSpec } from "./page/clocks.ts";
import type { Drained, ProbeSpec } from "./page/probe.ts";
import type { PlayerPlan } from "./profiles.ts";
import type { Phase, PlayerRecord } from "./record.ts";
import type { Relay } from "./relay.ts";
import type { Screen, ScreenOptions } from "./screen.ts";
import { pageScript } from "./scripts.ts";
import { PageClock } from "./truth.ts";

const SUBPROTOCOL = "cuelight.v1.json";
const FRAME_EVERY = 200;
/** Less than a frame of the source. */
const STALE = 25;

/** Where the card of a window lies on the page. */
const CARD = `(() => {
  const inside = (root) => [...root.querySelectorAll("*")].flatMap((e) =>
    [...(e.matches("[data-cue]") ? [e] : []), ...(e.shadowRoot ? inside(e.shadowRoot) : [])]);
  const card = inside(document).find((e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }));
  const { x, y, width, height } = (card ?? document.body).getBoundingClientRect();
  return { x, y, width, height };
})()`;

const EMPTY: Drained = {
  calibrations: [],
  opened: [],
  shown: [],
  beliefs: [],
  happened: [],
  arrived: [],
  onePing: null,
};

/** What a player needs of the run. */
export interface PlayerOptions {
  readonly plan: PlayerPlan;
  readonly place: Place;
  readonly relay: Relay;
  readonly server: Server;
  /** ms since 1970 at which its wall clock is set, and by how much. */
  readonly step?: { readonly at: number; readonly by: number };
  /** Where browsers keep their profiles. */
  readonly folder: string;
  /** The program that reaches a browser's control socket. */
  readonly relayProgram: string;
  readonly makeScreen: (options: ScreenOptions) => Promise<Screen>;
}

/** A player. */
export class Player {
  readonly plan: PlayerPlan;
  readonly #place: Place;
  readonly #screen: Screen;
  readonly #origin: string;
  readonly #logs: Partial<Record<Phase, Drained>> = {};
  readonly #opened: Partial<Record<Phase, number>> = {};
  #phase: Phase | undefined;

  private constructor(plan: PlayerPlan, place: Place, screen: Screen, origin: string) {
    this.plan = plan;
    this.#place = place;
    this.#screen = screen;
    this.#origin = origin;
  }

  /** Starts its browser, on its own network and with its own clocks. */
  static async make(options: PlayerOptions): Promise<Player> {
    const { plan, place, relay, server, step, makeScreen, folder, relayProgram } = options;
    const line = await relay.open(plan.id, `${place.line}:0`, new URL(server.web).host, plan.network);
    const truth = await relay.truth(`${place.clean}:0`);
    const clocks: ClockSpec = {
      ...plan.clocks,
      origin: Date.now(),
      stepAt: step?.at ?? null,
      stepBy: step?.by ?? 0,
    };
    const probe: ProbeSpec = {
      truth: `ws://${truth}/`,
      room: { url: `ws://${line}/ws/v1`, channel: CHANNEL, subprotocol: SUBPROTOCOL, token: server.token },
      codedWidth: WIDTH,
      frameEvery: FRAME_EVERY,
      stale: STALE,
    };
    const screen = await makeScreen({
      place,
      script: pageScript(clocks, probe),
      origin: `http://${line}`,
      blocked: plan.video ? [] : ["*/hls/*"],
      folder,
      relay: relayProgram,
    });
    return new Player(plan, place, screen, `http://${line}`);
  }

  /** Opens the watch page. */
  async watch(): Promise<void> {
    await this.#open("product", `${this.#origin}/watch/${CHANNEL}`);
  }

  /** Opens the stock player's page instead. */
  async watchStock(port: number): Promise<void> {
    const media = encodeURIComponent(`${this.#origin}/hls/${CHANNEL}/index.m3u8`);
    await this.#open("stock", `http://${this.#place.clean}:${port}/?url=${media}`);
  }

  async #open(phase: Phase, url: string): Promise<void> {
    await this.drain();
    this.#phase = undefined;
    this.#opened[phase] = hostMicros();
    await this.#screen.open(url);
    this.#phase = phase;
  }

  /** Whether it has a page open whose clock is known. */
  get ready(): boolean {
    return this.#phase !== undefined && (this.#logs[this.#phase]?.calibrations.length ?? 0) > 0;
  }

  /** Tells the page to look closely around a host instant. */
  async expect(host: number): Promise<void> {
    const calibrations = this.#phase === undefined ? [] : (this.#logs[this.#phase]?.calibrations ?? []);
    const last = calibrations.at(-1);
    if (last === undefined) return;
    const at = last.page + (host - last.host) / 1000;
    await this.#screen.evaluate(`globalThis.rig?.expect(${at})`);
  }

  /** Fetches what the page saw. */
  async drain(): Promise<void> {
    const phase = this.#phase;
    if (phase === undefined) return;
    const drained = await this.#screen.evaluate<Drained | null>("globalThis.rig?.drain() ?? null");
    if (drained !== null && phase === this.#phase)
      this.#logs[phase] = joined(this.#logs[phase] ?? EMPTY, drained);
  }

  /** A value of the page. */
  async evaluate<T>(expression: string): Promise<T> {
    return this.#screen.evaluate<T>(expression);
  }

  async hide(hidden: boolean): Promise<void> {
    await this.#screen.hide(hidden);
  }

  /** Films the opening of a window at `o`, host µs; undefined if the browser has no camera, or the film tells nothing. */
  async filmed(cue: string, o: number): Promise<Appearance | undefined> {
    const screen = this.#screen;
    if (!(screen instanceof ChromiumScreen)) return undefined;
    return filmOpening(screen, cue, o, () => screen.evaluate<Area>(CARD));
  }

  /** What it saw, to be kept. */
  record(): PlayerRecord {
    return { plan: this.plan, opened: this.#opened, errors: this.#screen.errors, logs: this.#logs };
  }

  /** Its clock so far. */
  get clock(): PageClock | undefined {
    const calibrations = this.#phase === undefined ? [] : (this.#logs[this.#phase]?.calibrations ?? []);
    return calibrations.length === 0 ? undefined : new PageClock(calibrations);
  }

  async close(): Promise<void> {
    await this.#screen.close();
    this.#place.remove();
  }
}

function joined(a: Drained, b: Drained): Drained {
  return {
    calibrations: [...a.calibrations, ...b.calibrations],
    opened: [...a.opened, ...b.opened],
    shown: [...a.shown, ...b.shown],
    beliefs: [...a.beliefs, ...b.beliefs],
    happened: [...a.happened, ...b.happened],
    arrived: [...a.arrived, ...b.arrived],
    onePing: b.onePing ?? a.onePing,
  };
}
