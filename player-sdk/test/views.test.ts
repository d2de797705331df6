import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  CloseCode,
  type Cue,
  type CuePhase,
  closeReason,
  emptyRoom,
  type Link,
  micros,
  millis,
  type RoomState,
  reconnects,
  refusalReason,
  type Tally,
} from "../src/core/index.ts";
import { detailsView } from "../src/elements/details-view.ts";
import { doorView } from "../src/elements/door-view.ts";
import {
  announcement,
  answerable,
  type OverlayView,
  overlayView,
  receiptLine,
  resultLine,
} from "../src/elements/overlay-view.ts";
import { noticeView, statusView } from "../src/elements/status-view.ts";
import type { PlayerPhase, PlayerView } from "../src/player/view.ts";

const cue: Cue = {
  id: "c1",
  rev: 2,
  kind: "trivia",
  policy: "wall",
  state: "open",
  o_us: micros(10_000_000),
  c_us: micros(30_000_000),
  window_ms: millis(20_000),
  choices: 2,
  results: "live",
  text: { title: "Tea or coffee?", options: ["Tea", "Coffee"] },
};
const tally: Tally = { cue: "c1", ver: 3, counts: [1, 3], total: 4 };
const receipt = { id: "a", cue: "c1", choice: [1], seq: 311, at_us: micros(0), level: "log" };
const answer = { t: "answer", id: "a", cue: "c1", rev: 2, choice: [1] } as const;
const refusal = (code: string) =>
  ({ t: "refused", id: "a", cue: "c1", code, message: "Not counted." }) as const;
const clock = { localAt: (at: number) => millis(at / 1000) };

const state = (more: Partial<RoomState> = {}): RoomState => ({ ...emptyRoom, link: { is: "open" }, ...more });
const map = <T>(value: T) => new Map([["c1", value]]);

function view(phase: CuePhase, more: Partial<RoomState> = {}, shown: Cue = cue): OverlayView {
  const made = overlayView(state(more), { cue: shown, phase }, clock);
  if (made === undefined) throw new Error("no view");
  return made;
}

describe("OV1 what the overlay says of an answer", () => {
  test("nothing is optimistic: sending until the receipt", () => {
    const sending = view("open", { sending: map(answer) });
    expect(sending.answer).toEqual({ is: "sending", choice: 1 });
    expect(receiptLine(sending)).toBe("Sending your answer…");
    const counted = view("open", { receipts: map(receipt) });
    expect(receiptLine(counted)).toBe("Counted · #311");
  });
  test("a refusal is in the server's words", () => {
    expect(receiptLine(view("open", { refusals: map(refusal("late")) }))).toBe("Not counted.");
  });
  test.each([
    ["nothing yet", "open", {}, true],
    ["before O", "waiting", {}, false],
    ["after C", "closing", {}, false],
    ["being sent", "open", { sending: map(answer) }, false],
    ["counted", "open", { receipts: map(receipt) }, false],
    ["refused for now", "open", { refusals: map(refusal("too_fast")) }, true],
    ["refused for good", "open", { refusals: map(refusal("late")) }, false],
  ] as const)("answerable: %s", (_, phase, more, expected) => {
    expect(answerable(view(phase, more))).toBe(expected);
  });
});

describe("OV9 an answer that may be changed", () => {
  const changing: Cue = { ...cue, changes: true };
  const counted = { receipts: map(receipt) };
  const changed = { receipts: map({ ...receipt, changes: 1 }) };
  test.each([
    ["nothing yet", "open", {}, true],
    ["being sent", "open", { sending: map(answer) }, true],
    ["counted", "open", counted, true],
    ["refused for now", "open", { refusals: map(refusal("too_fast")) }, true],
    ["refused for good", "open", { refusals: map(refusal("banned")) }, false],
    ["counted, and the change refused", "open", { ...counted, refusals: map(refusal("too_fast")) }, true],
    ["counted, after C", "closing", counted, false],
    ["counted, in a pause", "paused", counted, false],
  ] as const)("answerable: %s", (_, phase, more, expected) => {
    expect(answerable(view(phase, more, changing))).toBe(expected);
  });
  test("says so before, while and after", () => {
    expect(receiptLine(view("open", {}, changing))).toMatch(/you may change it/);
    expect(receiptLine(view("open", counted, changing))).toBe("Counted · #311 · you may change it");
    expect(receiptLine(view("open", changed, changing))).toBe("Answer changed · #311 · you may change it");
    expect(receiptLine(view("closed", changed, changing))).toBe("Answer changed · #311");
  });
  test("shows the new choice while it is being sent, and the bars all the while", () => {
    const sending = { ...answer, choice: [0] };
    const made = view("open", { ...counted, sending: map(sending), tallies: map(tally) }, changing);
    expect(made.answer).toEqual({ is: "sending", choice: 0 });
    expect(made.total).toBe(4);
  });
  test("a change that was refused leaves the answer, with the reason", () => {
    const made = view("open", { ...counted, refusals: map(refusal("late")) }, changing);
    expect(made.answer).toMatchObject({ is: "counted", choice: 1 });
    expect(receiptLine(made)).toBe("Not counted. Your earlier answer counts.");
  });
  test("elsewhere a refusal of a counted answer says nothing (RM1)", () => {
    expect(receiptLine(view("open", { ...counted, refusals: map(refusal("late")) }))).toBe("Counted · #311");
  });
  test("a screen reader hears of the change", () => {
    const before = view("open", { ...counted, sending: map(answer) }, changing);
    expect(announcement(before, view("open", changed, changing))).toMatch(/^Answer changed/);
  });
});

describe("RF1 every refusal has words", () => {
  const source = readFileSync(new URL("../../interact/code.go", import.meta.url), "utf8");
  const codes = [...source.matchAll(/^\tCode\w+ +Code = "(\w+)"/gm)].map(([, code = ""]) => code);
  /** What is said to producers and programs alone. */
  const others = ["not_yet", "unknown", "too_late", "conflict"];
  test("there are codes", () => expect(codes.length).toBeGreaterThan(15));
  test.each(codes.filter((code) => !others.includes(code)))("%s", (code) => {
    const reason = refusalReason({ code, message: "" });
    expect(reason).toMatch(/\.$/);
    expect(reason).not.toBe(refusalReason({ code: "nobody knows", message: "" }));
    expect(refusalReason({ code, message: "The server's." })).toBe("The server's.");
  });
});

describe("DR1 who is not let in is told why, and what helps", () => {
  const refused = (code: number): Link => ({ is: "refused", code, reason: closeReason(code) });
  test.each([
    [4106, "reload"],
    [4107, "none"],
    [4108, "pin"],
    [4109, "none"],
    [4103, "none"],
    [4104, "reload"],
    [4100, "reload"],
  ])("%d: %s", (code, way) => {
    const door = doorView(refused(code));
    expect(door).toMatchObject({ way, error: "" });
    expect(door?.title).not.toBe("");
    expect(door?.text).toMatch(/\.$/);
  });
  test("a wrong PIN is said anew each time", () => {
    const errors = [1, 2, 3].map((tries) => doorView(refused(4108), tries)?.error);
    expect(new Set(errors).size).toBe(3);
    expect(errors[0]).toBe("This PIN is not right.");
  });
  test("in the server's words, where it has more to say", () => {
    const told = (code: number, reason: string) => doorView({ is: "refused", code, reason }, 1);
    expect(told(4109, "This link is over: ask for a new one.")?.text).toMatch(/ask for a new one/);
    expect(told(4104, "Open in too many places at once.")?.text).toMatch(/^Open in .* Close other pages/);
    expect(told(4108, "Too many tries, wait a minute.")?.error).toMatch(/wait a minute/);
  });
  test.each([{ is: "open" }, { is: "idle" }, { is: "connecting", attempt: 3 }] as const)(
    "not while %o",
    (link) => {
      expect(doorView(link)).toBeUndefined();
    },
  );
  test("every close code that is final has words of its own", () => {
    const finals = Object.values(CloseCode).filter((code) => !reconnects(code));
    expect(new Set(finals.map(closeReason)).size).toBe(finals.length);
    expect(finals.map(closeReason)).not.toContain(closeReason(4999));
  });
});

describe("OV2 bars do not sway who has not answered", () => {
  const tallies = map(tally);
  test.each([
    ["open, not answered", "open", {}, false],
    ["open, being sent", "open", { sending: map(answer) }, false],
    ["open, counted", "open", { receipts: map(receipt) }, true],
    ["after C, not answered", "closing", {}, true],
    ["revealed", "revealed", {}, true],
  ] as const)("%s", (_, phase, more, visible) => {
    const made = view(phase, { tallies, ...more });
    expect(made.total).toBe(visible ? 4 : undefined);
    expect(made.options.map((o) => o.share)).toEqual(visible ? [0.25, 0.75] : [0, 0]);
  });
});

describe("OV3 the result", () => {
  const right: Cue = { ...cue, correct: 1 };
  test("right and wrong only once revealed", () => {
    expect(view("closed", { receipts: map(receipt) }, right).correct).toBeUndefined();
    expect(resultLine(view("revealed", { receipts: map(receipt) }, right))).toBe("Right!");
    const wrong = view("revealed", { receipts: map({ ...receipt, choice: [0] }) }, right);
    expect(resultLine(wrong)).toBe("Not this time. The answer: Coffee");
    expect(resultLine(view("revealed", {}, right))).toBe("The answer: Coffee");
  });
  test("without a public count it is announced", () => {
    expect(resultLine(view("closing"))).toMatch(/Counting/);
    expect(resultLine(view("closed"))).toMatch(/result follows/);
    expect(resultLine(view("closed", { tallies: map(tally) }))).toBe("Result of 4 answers");
  });
});

test("OV4 there is no view without text, nor of a cue that was withdrawn", () => {
  const { text: _, ...sealed } = cue;
  expect(overlayView(state(), { cue: sealed, phase: "open" }, clock)).toBeUndefined();
  expect(overlayView(state(), { cue, phase: "gone" }, clock)).toBeUndefined();
});

describe("OV5 a screen reader hears openings, receipts and results, once", () => {
  const open = view("open");
  const counted = view("open", { receipts: map(receipt) });
  const revealed = view("revealed", { receipts: map(receipt), tallies: map(tally) }, { ...cue, correct: 1 });
  test("opening", () => {
    expect(announcement(undefined, open)).toBe("Question: Tea or coffee? 1: Tea. 2: Coffee.");
    expect(announcement(view("waiting"), open)).not.toBe("");
    expect(announcement(undefined, view("waiting"))).toBe("");
  });
  test("receipt", () => {
    expect(announcement(open, counted)).toBe("Counted · #311");
  });
  test("result", () => {
    expect(announcement(counted, revealed)).toBe("Right! Tea: 25 percent, Coffee: 75 percent");
  });
  test("a moving count says nothing", () => {
    expect(announcement(counted, view("open", { receipts: map(receipt), tallies: map(tally) }))).toBe("");
  });
});

describe("OV6 paused by the host", () => {
  const paused = view("paused", {}, { ...cue, pause_us: micros(5), remaining_ms: millis(7400) });
  test("the time that is left stands, and nobody can answer", () => {
    expect(paused).toMatchObject({ left: 7400, closesAt: undefined });
    expect(paused !== undefined && answerable(paused)).toBe(false);
    expect(paused && receiptLine(paused)).toMatch(/^Paused by the host/);
    expect(paused && resultLine(paused)).toBe("");
  });
  test("a screen reader hears it, and that it goes on", () => {
    expect(announcement(view("open"), paused)).toBe("Paused by the host.");
    expect(announcement(paused, view("open"))).toBe("It goes on: answers count again.");
    expect(announcement(undefined, paused)).toMatch(/^Question: /);
  });
  test("a count stays hidden from who has not answered", () => {
    expect(view("paused", { tallies: map(tally) })?.total).toBeUndefined();
  });
});

test("OV7 where nobody can answer it says why, and the buttons are off", () => {
  const mute = overlayView(state(), { cue, phase: "open" }, clock, { mute: "No room." });
  expect(mute && answerable(mute)).toBe(false);
  expect(mute && receiptLine(mute)).toBe("No room.");
});

test("OV8 the badge says that the picture is behind, while it is open", () => {
  const behind = (phase: CuePhase) => overlayView(state(), { cue, phase }, clock, { behind: true })?.behind;
  expect([behind("open"), behind("closing")]).toEqual([true, false]);
});

describe("SV1 the status says the most important thing", () => {
  const player = (phase: PlayerPhase, error?: number, message = ""): PlayerView => ({
    phase,
    message,
    error: error === undefined ? undefined : millis(error),
    target: millis(3000),
    rate: 1,
    buffer: millis(1800),
    class: "in",
    control: "rate",
  });
  const say = (link: Link, p: PlayerView, synced = true) =>
    statusView({ room: state({ link }), player: p, synced, dispersion: micros(1800), now: millis(1000) });
  const open: Link = { is: "open" };

  test.each([
    ["in step", say(open, player("playing", 2.1)), "good", "In sync ±4 ms"],
    ["early counts as much", say(open, player("playing", -2.1)), "good", "In sync ±4 ms"],
    ["behind", say(open, player("playing", 800)), "wait", "0.8 s behind, catching up"],
    ["ahead", say(open, player("playing", -1234)), "wait", "1.2 s ahead, catching up"],
    ["no clock", say(open, player("playing", 2), false), "wait", "Getting in step…"],
    ["no measurement", say(open, player("playing")), "wait", "Getting in step…"],
    ["no broadcast", say(open, player("waiting", undefined, "Waiting.")), "wait", "Waiting."],
    [
      "lost",
      say({ is: "waiting", reason: "Lost.", retryAt: 3200 }, player("playing", 2)),
      "wait",
      "Lost. Back in 3 s.",
    ],
    [
      "refused",
      say({ is: "refused", code: 4102, reason: "No such channel." }, player("playing", 2)),
      "bad",
      "No such channel.",
    ],
    ["failed", say(open, player("failed", undefined, "Cannot play.")), "bad", "Cannot play."],
  ])("%s", (_, status, tone, text) => {
    expect(status).toMatchObject({ tone, text });
  });
  test("which way messages take: always at hand, and in plain sight where it is not the usual one", () => {
    const socket: Link = { is: "open", via: { transport: "socket", codec: "msgpack" } };
    const stream: Link = { is: "open", via: { transport: "stream", codec: "json" } };
    expect(say(socket, player("playing", 2))).toMatchObject({
      text: "In sync ±4 ms",
      via: "WebSocket, MessagePack",
    });
    expect(say(stream, player("playing", 2))).toMatchObject({
      text: "In sync ±4 ms · over HTTP",
      via: "HTTP stream, JSON",
    });
    expect(say(open, player("playing", 2)).via).toBeUndefined();
  });
  test("across the picture only while there is none", () => {
    expect(noticeView(player("playing", 2))).toBe("");
    expect(noticeView(player("stalled", undefined, "Catching up."))).toBe("Catching up.");
    expect(noticeView(player("loading"))).not.toBe("");
  });
  test("details are figures with units, or a dash", () => {
    const known = detailsView({
      room: state({ link: { is: "open", via: { transport: "stream", codec: "json" } }, grade: "link" }),
      player: player("playing", 2.14),
      dispersion: micros(1800),
      rtt: micros(3400),
      wallError: micros(-90_000_000),
      thread: "worker",
    });
    expect(known).toContainEqual(["Frame error", "+2.1 ms"]);
    expect(known).toContainEqual(["Latency", "3002 ms of 3000 ms"]);
    expect(known).toContainEqual(["Connection", "HTTP stream, JSON"]);
    expect(known).toContainEqual(["Known by", "a one-time link"]);
    expect(known).toContainEqual(["Room minus this device's clock", "-90000.0 ms"]);
    const unknown = detailsView({
      room: state(),
      player: player("loading"),
      dispersion: micros(Number.POSITIVE_INFINITY),
      rtt: undefined,
      wallError: undefined,
      thread: "page (no workers)",
    });
    expect(unknown).toContainEqual(["Clock error at most", "–"]);
    expect(unknown).toContainEqual(["Round trip", "–"]);
  });
});
