/**
 * One run: a server, an encoder, players that come one after another, cues one
 * after another, and what is done to them meanwhile.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CHANNEL, onAir, type Server, startServer } from "../e2e/server.ts";
import { FPS, hostMicros, type Source, startSource } from "../e2e/source.ts";
import type { Appearance } from "./audit.ts";
import { ChromiumScreen } from "./chromium.ts";
import { Crowd } from "./crowd.ts";
import { FirefoxScreen } from "./firefox.ts";
import { MachineWatch } from "./machine.ts";
import { namespacesWork, ownPlace, type Place, sharedPlace } from "./netns.ts";
import { Player } from "./player.ts";
import type { PlayerPlan } from "./profiles.ts";
import type { CueRecord, Disturbance, Phase, RunRecord, VirtualRecord } from "./record.ts";
import { buildGo, Relay, type RoomReading } from "./relay.ts";
import { takePoll } from "./show.ts";
import { serveStock } from "./stock.ts";

/** What to run. */
export interface RunPlan {
  readonly players: readonly PlayerPlan[];
  readonly cues: number;
  /** Cues after that with stock players on the same pages' networks; 0 for none. */
  readonly stockCues: number;
  readonly windowMs: number;
  readonly latencyMs: number;
  /** Whether to stall, hide, step and reconnect. */
  readonly disturbed: boolean;
  /** Namespaces: as can be had, or not at all. */
  readonly namespaces: "auto" | "off";
  /** Viewers without a screen that answer, too. */
  readonly virtual: number;
  /** Whether the first player's page is filmed around every opening. */
  readonly filmed?: boolean;
  readonly say: (line: string) => void;
}

const WARM_UP = 12_000; // the timeline locks after ten seconds
const DRAIN_EVERY = 3000;
const ROOM_EVERY = 10_000;
const STALL = 4000;
const HIDDEN = 20_000;
const SILENT_ENCODER = 3000;
const DATE_STEP = -5000;
/** A tally is final this long after C; then the next cue may be taken. */
const FINAL = 650;

/** Runs the plan. */
export async function run(plan: RunPlan): Promise<RunRecord> {
  const folder = mkdtempSync(join(tmpdir(), "cuelight-sync-"));
  try {
    return await new Run(plan, folder).run();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Run {
  readonly #plan: RunPlan;
  readonly #folder: string;
  readonly #players: Player[] = [];
  readonly #cues: CueRecord[] = [];
  readonly #room: RoomReading[] = [];
  readonly #sources: Source[] = [];
  readonly #disturbances: Disturbance[] = [];
  readonly #films: Appearance[] = [];
  readonly #closing: (() => Promise<unknown> | unknown)[] = [];
  readonly #relayProgram: string;
  #next = 0;

  constructor(plan: RunPlan, folder: string) {
    this.#plan = plan;
    this.#folder = folder;
    this.#relayProgram = buildGo("relay", folder);
  }

  async run(): Promise<RunRecord> {
    const began = new Date().toISOString();
    const machine = new MachineWatch();
    this.#closing.push(() => machine.stop());
    try {
      const { virtual, namespaces } = await this.#play();
      return {
        began,
        latencyMs: this.#plan.latencyMs,
        windowMs: this.#plan.windowMs,
        players: this.#players.map((player) => player.record()),
        cues: this.#cues,
        room: this.#room,
        frames: this.#sources.flatMap((source) => [...source.frameTimes]),
        disturbances: this.#disturbances,
        machine: machine.record(namespaces),
        ...(virtual === undefined ? {} : { virtual }),
        ...(this.#films.length === 0 ? {} : { films: this.#films }),
      };
    } finally {
      for (const close of this.#closing.reverse()) await close();
    }
  }

  async #play(): Promise<{ virtual: VirtualRecord | undefined; namespaces: boolean }> {
    const plan = this.#plan;
    const namespaces = plan.namespaces === "auto" && namespacesWork();
    const server = await startServer(configuration(plan.latencyMs));
    this.#closing.push(() => server.stop());
    const relay = new Relay(this.#relayProgram);
    this.#closing.push(() => relay.close());
    this.#startSource(server, 0);
    await onAir(server);
    const socket = `${server.web.replace("http", "ws")}/ws/v1`;
    await this.#every(ROOM_EVERY, async () => {
      this.#room.push(await relay.room(socket, CHANNEL));
    });
    const crowd = plan.virtual > 0 ? await this.#gather(server, plan.virtual) : undefined;
    await delay(WARM_UP);

    const beginning = Date.now();
    const seconds = (plan.cues * cycle(plan)) / 1000;
    plan.say(`${plan.players.length} players, ${plan.cues} cues: about ${Math.ceil(seconds / 60)} min`);
    const coming = this.#arrive(server, relay, namespaces, beginning);
    await this.#every(DRAIN_EVERY, () => this.#drain());
    await this.#until(
      () => this.#players.filter((player) => player.ready).length >= Math.min(2, plan.players.length),
    );
    const disturbing = plan.disturbed ? this.#disturb(relay, server) : Promise.resolve();
    await this.#take(server, "product", plan.cues);
    await Promise.all([coming, disturbing]);
    const virtual = await crowd?.finish(this.#cues, this.#room);
    if (plan.stockCues > 0) await this.#stock(server);
    await this.#drain();
    return { virtual, namespaces };
  }

  async #gather(server: Server, viewers: number): Promise<Crowd> {
    const crowd = new Crowd(buildGo("virtual", this.#folder), server, viewers);
    this.#closing.push(() => crowd.close());
    this.#plan.say(`${viewers} virtual viewers are coming`);
    await crowd.gathered();
    return crowd;
  }

  #startSource(server: Server, first: number): void {
    const source = startSource({ url: server.srt, format: "mpegts", first });
    this.#sources.push(source);
    this.#closing.push(() => source.stop());
  }

  async #arrive(server: Server, relay: Relay, namespaces: boolean, beginning: number): Promise<void> {
    const plan = this.#plan;
    const stepAt = beginning + this.#stepAfter();
    for (const [i, one] of plan.players.entries()) {
      await delay(Math.max(0, one.comesAt - (Date.now() - beginning)));
      const place: Place = namespaces ? ownPlace(i, this.#folder) : sharedPlace();
      const steps = plan.disturbed && i === 2;
      const player = await Player.make({
        plan: one,
        place,
        relay,
        server,
        ...(steps ? { step: { at: stepAt, by: DATE_STEP } } : {}),
        makeScreen: (options) =>
          one.browser === "firefox" ? FirefoxScreen.make(options) : ChromiumScreen.make(options),
        folder: this.#folder,
        relayProgram: this.#relayProgram,
      });
      this.#closing.push(() => player.close());
      await player.watch();
      const from = hostMicros();
      this.#disturbances.push({ what: "join", player: one.id, from, to: from + 10_000_000 });
      if (steps) this.#note("date step", one.id, stepAt - Date.now(), 10_000);
      this.#players.push(player);
      plan.say(`${one.id} (${one.network.name}) is there`);
    }
  }

  #stepAfter(): number {
    return this.#plan.cues * cycle(this.#plan) * 0.45;
  }

  /** Notes something that happens in `wait` ms and lasts `ms`. */
  #note(what: Disturbance["what"], player: string | undefined, wait: number, ms: number): void {
    const from = hostMicros() + wait * 1000;
    this.#disturbances.push({
      what,
      ...(player === undefined ? {} : { player }),
      from,
      to: from + ms * 1000,
    });
  }

  async #disturb(relay: Relay, server: Server): Promise<void> {
    const length = this.#plan.cues * cycle(this.#plan);
    const began = Date.now();
    const at = (share: number) => delay(Math.max(0, length * share - (Date.now() - began)));
    const [, second, , fourth] = this.#plan.players;
    await at(0.3);
    if (second !== undefined) {
      this.#plan.say(`${second.id} stalls for ${STALL} ms`);
      this.#note("stall", second.id, 0, STALL);
      await relay.pause(second.id, STALL);
    }
    await at(0.6);
    const hidden = this.#players.find((player) => player.plan.id === fourth?.id);
    if (hidden !== undefined) {
      this.#plan.say(`${hidden.plan.id} is hidden for ${HIDDEN} ms`);
      this.#note("hidden", hidden.plan.id, 0, HIDDEN);
      await hidden.hide(true);
      await delay(HIDDEN);
      await hidden.hide(false);
    }
    await at(0.8);
    await this.#reconnect(server);
  }

  async #reconnect(server: Server): Promise<void> {
    this.#plan.say("the encoder is killed and comes back");
    const from = hostMicros();
    const old = this.#sources.at(-1);
    const last = Math.max(0, ...(old?.frameTimes.keys() ?? []));
    await old?.kill();
    await delay(SILENT_ENCODER);
    this.#startSource(server, last + 10 * FPS);
    this.#disturbances.push({ what: "encoder", from, to: hostMicros() });
  }

  async #take(server: Server, phase: Phase, cues: number): Promise<void> {
    for (let i = 0; i < cues; i++) {
      const last = this.#room.at(-1);
      if (last === undefined) throw new Error("the room clock was never read");
      const now = (): number => last.room + hostMicros() - last.host;
      const taken = await takePoll(server, ++this.#next, this.#plan.windowMs, now);
      this.#cues.push({ ...taken, phase });
      const host = (room: number): number => last.host + room - last.room;
      await Promise.all(this.#players.map((player) => player.expect(host(taken.o)).catch(() => undefined)));
      if (this.#plan.filmed === true) await this.#film(taken.id, host(taken.o));
      await delay(Math.max(0, (host(taken.c) - hostMicros()) / 1000 + FINAL));
      if ((i + 1) % 20 === 0) this.#plan.say(`${i + 1} of ${cues} cues`);
    }
  }

  async #film(cue: string, o: number): Promise<void> {
    const film = await this.#players[0]?.filmed(cue, o);
    if (film !== undefined) this.#films.push(film);
  }

  /** The same networks and clocks with the player that everybody else would use. */
  async #stock(server: Server): Promise<void> {
    this.#plan.say("stock players");
    const stock = await serveStock();
    this.#closing.push(() => stock.close());
    for (const player of this.#players.filter(({ plan }) => plan.video)) {
      await player.watchStock(stock.port);
      const from = hostMicros();
      this.#disturbances.push({ what: "join", player: player.plan.id, from, to: from + 15_000_000 });
    }
    await delay(15_000);
    await this.#take(server, "stock", this.#plan.stockCues);
  }

  async #drain(): Promise<void> {
    // A page that is being left has nothing to say; its log was fetched before.
    await Promise.all(this.#players.map((player) => player.drain().catch(() => undefined)));
  }

  async #until(ready: () => boolean): Promise<void> {
    const deadline = Date.now() + 90_000;
    while (!ready()) {
      if (Date.now() > deadline) throw new Error("the players did not come within 90 s");
      await delay(200);
    }
  }

  /** Does something now, and then again and again until the run ends. */
  async #every(ms: number, action: () => Promise<void>): Promise<void> {
    const stopping = new AbortController();
    await action();
    const going = (async () => {
      while (!stopping.signal.aborted) {
        await delay(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
        if (!stopping.signal.aborted) await action();
      }
    })();
    going.catch(() => undefined); // told by the one who waits for it
    this.#closing.push(async () => {
      stopping.abort();
      await going;
    });
  }
}

/** ms from one cue to the next. */
export function cycle({ latencyMs, windowMs }: Pick<RunPlan, "latencyMs" | "windowMs">): number {
  return Math.max(latencyMs, 1500) + windowMs + FINAL + 100;
}

const USUAL_PART = 334; // ms

/** Parts are as long as they usually are, or as short as the latency needs: it holds three, and half a second. */
function configuration(latencyMs: number): string {
  const part = Math.min(USUAL_PART, Math.floor((latencyMs - 500) / 3));
  return `channels:\n  ${CHANNEL}:\n    latency: ${latencyMs}ms\n    part: ${part}ms\n`;
}
