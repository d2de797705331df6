import { gcm } from "@noble/ciphers/aes.js";
import { expect, test } from "vitest";
import {
  type Cue,
  type CueState,
  type Micros,
  micros,
  millis,
  phaseOf,
  type RoomAction,
  type RoomReader,
  RoomStore,
  type Seal,
} from "../src/core/index.ts";
import { joining, openingTime } from "../src/player/opening-time.ts";
import { mulberry } from "./random.ts";

const BASE = 1_795_410_000_000_000;
const KEY_LEAD = 300; // ms
const NOTICE = 500;
const PINNED = 2000;
const TICK = 10;
const SCRIPTS = 150;
const CLIENTS = 6;

/** R is this device's clock: what is to be seen here is the order of messages, not clocks. */
const exact: RoomReader = {
  at: (local) => micros(BASE + Math.round(local * 1000)),
  localAt: (room) => millis((room - BASE) / 1000),
  dispersion: () => micros(0),
  synced: () => true,
  rtt: undefined,
};
const roomAt = (ms: number): Micros => micros(BASE + ms * 1000);

/** The two texts that a question may have. */
const texts = ["Tea?", "Coffee?"].map((title, i) => {
  const key = new Uint8Array(32).fill(i + 1);
  const iv = new Uint8Array(12).fill(i + 1);
  const rev = i + 2;
  const plain = new TextEncoder().encode(JSON.stringify({ title, options: ["Yes", "No"] }));
  const ct = gcm(key, iv, new TextEncoder().encode(`show\nc1\n${rev}`)).encrypt(plain);
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  const seal: Seal = { kid: base64(new Uint8Array(16).fill(i + 1)), iv: base64(iv), ct: base64(ct), rev };
  return { title, seal, key: base64(key) };
});

interface Said {
  readonly at: number;
  readonly action: RoomAction;
}

interface Script {
  readonly log: readonly Said[];
  /** The cue as the server has it at a time. */
  readonly at: (time: number) => Cue | undefined;
  readonly opens: number;
  readonly closes: number;
  readonly cancelled: boolean;
  readonly title: string;
}

/** A producer: takes a cue, may move it, change its text, cancel it in time, extend it. */
function script(random: () => number): Script {
  const log: Said[] = [];
  const history: { at: number; cue: Cue }[] = [];
  let rev = 1;
  let text = texts[0] as (typeof texts)[number];
  let opens = 4000 + Math.floor(random() * 4000);
  let closes = opens + 6000;
  const say = (at: number, state: CueState, keyed: boolean): void => {
    const cue: Cue = {
      id: "c1",
      rev,
      kind: "poll",
      policy: "wall",
      state,
      o_us: roomAt(opens),
      c_us: roomAt(closes),
      window_ms: millis(6000),
      choices: 2,
      results: "live",
      seal: text.seal,
      ...(keyed ? { key: text.key } : {}),
    };
    history.push({ at, cue });
    if (state !== "keyed") log.push({ at, action: { t: "cue", cue } });
  };
  say(0, "armed", false);
  for (let i = 0; i < 2; i++) {
    const at = 300 + i * 600;
    if (random() < 0.5 && at < opens - PINNED) {
      rev++;
      const moved = opens + Math.floor((random() - 0.4) * 2000);
      if (moved - at > PINNED) {
        closes += moved - opens;
        opens = moved;
      }
      if (random() < 0.5) text = texts[1] as (typeof texts)[number];
      say(at, "armed", false);
    }
  }
  const title = text.title;
  if (random() < 0.3) {
    rev++;
    say(opens - NOTICE - Math.floor(random() * 1000), "cancelled", false);
    return { log, at: stateAt(history), opens, closes, cancelled: true, title };
  }
  const { kid } = text.seal;
  log.push({ at: opens - KEY_LEAD, action: { t: "key", cue: "c1", rev, kid, key: text.key } });
  say(opens - KEY_LEAD, "keyed", true);
  say(opens, "open", true);
  if (random() < 0.4) {
    rev++;
    closes += 3000;
    say(opens + 2000, "open", true);
  }
  say(closes, "closing", true);
  return { log, at: stateAt(history), opens, closes, cancelled: false, title };
}

const stateAt =
  (history: readonly { readonly at: number; readonly cue: Cue }[]): Script["at"] =>
  (time) =>
    history.findLast((h) => h.at <= time)?.cue;

const welcome = (cue: Cue | undefined, now: number): RoomAction => ({
  t: "welcome",
  v: 1,
  channel: "show",
  title: "",
  role: "viewer",
  participant: "p9",
  clock_epoch: 7,
  now_us: roomAt(now),
  cues: cue === undefined ? [] : [cue],
  tallies: [],
  receipts: [],
});

interface Outcome {
  readonly openedAt: number | undefined;
  readonly last: Cue | undefined;
  readonly title: string | undefined;
}

/** A client whose messages come late, twice, in any order, or never; it reconnects now and then. */
function client({ log, at, closes }: Script, random: () => number): Outcome {
  const inbox: Said[] = [];
  for (const { at: said, action } of log) {
    if (random() < 0.2) continue;
    const late = random() < 0.15 ? 3000 : 300;
    inbox.push({ at: said + random() * late, action });
    if (random() < 0.3) inbox.push({ at: said + random() * 4000, action });
  }
  for (let i = 0; i < 3; i++) {
    const when = random() * (closes + 1000);
    if (random() < 0.6) inbox.push({ at: when + random() * 50, action: welcome(at(when), when) });
  }
  inbox.push({ at: closes + 2000, action: welcome(at(closes + 2000), closes + 2000) });
  inbox.sort((a, b) => a.at - b.at);
  const room = new RoomStore("show");
  let keyedAt: number | undefined;
  let openedAt: number | undefined;
  let title: string | undefined;
  for (let now = 0; now <= closes + 3000; now += TICK) {
    while (inbox[0] !== undefined && inbox[0].at <= now) room.dispatch((inbox.shift() as Said).action);
    const cue = room.getState().cues.get("c1");
    if (cue === undefined || openedAt !== undefined || phaseOf(cue, roomAt(now)) !== "open") continue;
    if (cue.text === undefined || joining(cue, roomAt(now)) === "shut") continue;
    keyedAt ??= now;
    const input = { cue, now: millis(now), clock: exact, keyedAt: millis(keyedAt) };
    if (openingTime({ ...input, screenInstant: undefined, archive: false }) > now) continue;
    openedAt = now;
    title = cue.text.title;
  }
  return { openedAt, last: room.getState().cues.get("c1"), title };
}

test("TG1 whatever is late, lost, doubled or in another order: never before O, never once cancelled in time, all agree", () => {
  let opened = 0;
  let cancelled = 0;
  for (let seed = 0; seed < SCRIPTS; seed++) {
    const random = mulberry(seed);
    const story = script(random);
    for (let i = 0; i < CLIENTS; i++) {
      const { openedAt, last, title } = client(story, random);
      expect(last).toMatchObject({ o_us: roomAt(story.opens), c_us: roomAt(story.closes) });
      if (story.cancelled) {
        cancelled++;
        expect(openedAt, `seed ${seed}`).toBeUndefined();
      }
      if (openedAt === undefined) continue;
      opened++;
      expect(openedAt, `seed ${seed}`).toBeGreaterThanOrEqual(story.opens);
      expect(title).toBe(story.title);
    }
  }
  expect(opened).toBeGreaterThan(300);
  expect(cancelled).toBeGreaterThan(100);
});
