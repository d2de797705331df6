import { describe, expect, test } from "vitest";
import {
  CUE_STATES,
  type Cue,
  emptyRoom,
  isOpening,
  micros,
  millis,
  phaseOf,
  type RoomAction,
  type RoomState,
  RoomStore,
  reduceRoom,
  Stage,
  type Tally,
  type WelcomeMessage,
} from "../src/core/index.ts";
import { mulberry, shuffled } from "./random.ts";

const O = 1_795_410_000_000_000;
const C = O + 20_000_000;

const cue = (more: Partial<Cue> = {}): Cue => ({
  id: "c1",
  rev: 1,
  kind: "poll",
  policy: "wall",
  state: "armed",
  o_us: micros(O),
  c_us: micros(C),
  window_ms: millis(20_000),
  choices: 2,
  results: "live",
  ...more,
});

const said = (c: Cue): RoomAction => ({ t: "cue", cue: c });
const tally = (ver: number, name = "c1"): Tally => ({ cue: name, ver, counts: [ver, 0], total: ver });
const after = (...actions: RoomAction[]): RoomState => actions.reduce(reduceRoom, emptyRoom);

const welcome = (more: Partial<WelcomeMessage> = {}): WelcomeMessage => ({
  t: "welcome",
  v: 1,
  channel: "show",
  title: "Show",
  role: "viewer",
  participant: "p9",
  clock_epoch: 7,
  now_us: micros(O),
  cues: [],
  tallies: [],
  receipts: [],
  ...more,
});

describe("W5 a cue is applied by revision, then by state", () => {
  test.each([
    ["higher revision, earlier state", { rev: 2, state: "armed" }, true],
    ["same revision, later state", { rev: 1, state: "closed" }, true],
    ["same revision, same state", { rev: 1, state: "open" }, true],
    ["same revision, earlier state", { rev: 1, state: "keyed" }, false],
    ["lower revision, later state", { rev: 0, state: "void" }, false],
  ] as const)("%s", (_, change, applied) => {
    const first = said(cue({ state: "open" }));
    const state = after(first, said(cue({ ...change, note: "second" })));
    expect(state.cues.get("c1")?.note === "second").toBe(applied);
  });

  test("any order, with repeats, ends in the same state", () => {
    const messages: RoomAction[] = [];
    for (const id of ["c1", "c2"]) {
      for (let rev = 1; rev <= 3; rev++) {
        const states = rev < 3 ? CUE_STATES.slice(2, 5) : CUE_STATES.slice(2, 9);
        for (const state of states) messages.push(said(cue({ id, rev, state, c_us: micros(C + rev) })));
      }
      for (let ver = 1; ver <= 6; ver++) messages.push({ t: "tally", ...tally(ver, id) });
    }
    for (let seed = 0; seed < 300; seed++) {
      const random = mulberry(seed);
      const repeats = messages.filter(() => random() < 0.3);
      const state = after(...shuffled([...messages, ...repeats], random));
      for (const id of ["c1", "c2"]) {
        expect(state.cues.get(id)).toMatchObject({ rev: 3, state: "revealed", c_us: C + 3 });
        expect(state.tallies.get(id)?.total).toBe(6);
      }
    }
  });

  test("a state that does not change is the same object, and nobody is told", () => {
    const store = new RoomStore();
    store.dispatch(said(cue({ rev: 2 })));
    const before = store.getState();
    let told = 0;
    store.subscribe(() => told++, { signal: new AbortController().signal });
    store.dispatch(said(cue({ rev: 1 })));
    store.dispatch({ t: "bye", code: 4000, reason: "", reconnect: true });
    expect(store.getState()).toBe(before);
    expect(told).toBe(0);
  });

  test("a deleted draft does not come back", () => {
    const state = after(said(cue()), { t: "removed", cue: "c1" }, said(cue({ rev: 5 })));
    expect(state.cues.size).toBe(0);
  });
});

describe("W4 welcome is a snapshot", () => {
  test("it brings what there is and takes away what there is not", () => {
    const state = after(said(cue({ id: "old" })), welcome({ cues: [cue()], tallies: [tally(3)] }));
    expect([...state.cues.keys()]).toEqual(["c1"]);
    expect(state.tallies.get("c1")?.ver).toBe(3);
    expect(state).toMatchObject({ channel: "show", title: "Show", participant: "p9", role: "viewer" });
  });
  test("what is known already and newer stays", () => {
    const state = after(
      said(cue({ rev: 3 })),
      { t: "tally", ...tally(9) },
      welcome({ cues: [cue({ rev: 2 })], tallies: [tally(8)] }),
    );
    expect(state.cues.get("c1")?.rev).toBe(3);
    expect(state.tallies.get("c1")?.ver).toBe(9);
  });
  test("a receipt in it settles what was being sent", () => {
    const answer = { t: "answer", id: "a1", cue: "c1", rev: 1, choice: [1] } as const;
    const receipt = { cue: "c1", choice: [1], seq: 4, at_us: micros(O), level: "log" };
    const state = after({ t: "sending", answer }, welcome({ cues: [cue()], receipts: [receipt] }));
    expect(state.sending.size).toBe(0);
    expect(state.receipts.get("c1")?.seq).toBe(4);
  });
});

describe("RM1 answers: sending, then counted or refused", () => {
  const answer = { t: "answer", id: "a1", cue: "c1", rev: 1, choice: [1] } as const;
  const receipt = {
    t: "receipt",
    id: "a1",
    cue: "c1",
    choice: [1],
    seq: 3,
    at_us: micros(O),
    level: "log",
  } as const;
  const refusal = { t: "refused", id: "a1", cue: "c1", code: "too_fast", message: "Too fast." } as const;

  test("a receipt ends sending", () => {
    const state = after({ t: "sending", answer }, receipt, receipt);
    expect(state.sending.size).toBe(0);
    expect(state.receipts.get("c1")).toMatchObject({ seq: 3 });
  });
  test("a refusal is shown until the next try", () => {
    const state = after({ t: "sending", answer }, refusal);
    expect(state.refusals.get("c1")?.message).toBe("Too fast.");
    expect(reduceRoom(state, { t: "sending", answer: { ...answer, id: "a2" } }).refusals.size).toBe(0);
  });
  test("a refusal of a counted answer says nothing", () => {
    expect(after({ t: "sending", answer }, receipt, refusal).refusals.size).toBe(0);
  });
});

test("RM2 an older timeline is ignored", () => {
  const line = {
    epoch: 1,
    rev: 4,
    state: "locked",
    scale: 90_000,
    points: [],
    latency_ms: millis(3000),
    live: true,
  } as const;
  const state = after({ t: "timeline", ...line }, { t: "timeline", ...line, rev: 3, live: false });
  expect(state.timeline?.live).toBe(true);
});

describe("RM3 the phase comes from O and C", () => {
  test.each([
    ["armed", O - 1, "waiting"],
    ["armed", O, "open"],
    ["keyed", C - 1, "open"],
    ["open", C, "closing"],
    ["open", O - 1, "waiting"],
    ["closing", C + 1, "closing"],
    ["closed", O + 1, "closed"],
    ["revealed", O + 1, "revealed"],
    ["draft", O + 1, "draft"],
    ["cancelled", O + 1, "gone"],
    ["void", O + 1, "gone"],
  ] as const)("%s at %d is %s", (state, now, phase) => {
    expect(phaseOf(cue({ state }), micros(now))).toBe(phase);
  });
  test("a seek is guarded from 1.5 s before O to C", () => {
    const lead = micros(1_500_000);
    const at = (now: number): boolean => isOpening(cue(), micros(now), lead);
    expect([at(O - 1_500_001), at(O - 1_500_000), at(O), at(C - 1), at(C)]).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
  });
});

describe("ST the stage", () => {
  const yes = (): boolean => true;
  const at = (stage: Stage, state: RoomState, now: number, opened: (id: string) => boolean = yes) =>
    stage.at(state, micros(now), (id) => (opened(id) ? "open" : "unseen"));

  test("ST1 nothing before O, the cue from O on", () => {
    const stage = new Stage();
    const state = after(said(cue()));
    const opened = (): boolean => false;
    expect(at(stage, state, O - 1, opened)).toBeUndefined();
    expect(at(stage, state, O)).toMatchObject({ phase: "open" });
  });
  test("ST2 open is what was opened on this screen, also a moment before O", () => {
    const stage = new Stage();
    const state = after(said(cue()));
    expect(at(stage, state, O + 5000, () => false)).toBeUndefined();
    expect(at(stage, state, O - 5000, yes)).toMatchObject({ phase: "open" });
  });
  test("ST3 a result goes 8 s after the reveal", () => {
    const stage = new Stage();
    at(stage, after(said(cue({ state: "open" }))), C - 1);
    const state = after(said(cue({ state: "revealed" })));
    expect(at(stage, state, C + 60_000_000)).toMatchObject({ phase: "revealed" });
    expect(at(stage, state, C + 67_999_999)).toMatchObject({ phase: "revealed" });
    expect(at(stage, state, C + 68_000_000)).toBeUndefined();
  });
  test("ST4 the next open cue takes the place of a result", () => {
    const stage = new Stage();
    const next = cue({ id: "c2", o_us: micros(C + 1_000_000), c_us: micros(C + 9_000_000), state: "open" });
    const state = after(said(cue({ state: "revealed" })), said(next));
    expect(at(stage, state, C + 500_000, (id) => id === "c1")?.cue.id).toBe("c1");
    expect(at(stage, state, C + 1_000_000)?.cue.id).toBe("c2");
  });
  test("ST5 who joins later does not see old results", () => {
    const state = after(said(cue({ state: "revealed" })));
    expect(at(new Stage(), state, C + 29_000_000)).toMatchObject({ phase: "revealed" });
    expect(at(new Stage(), state, C + 31_000_000)).toBeUndefined();
  });
  test("ST6 a void cue goes at once", () => {
    const stage = new Stage();
    at(stage, after(said(cue({ state: "open" }))), O + 1);
    expect(at(stage, after(said(cue({ state: "void" }))), O + 2)).toBeUndefined();
  });
  test("ST7 a window whose count never comes goes after 30 s", () => {
    const stage = new Stage();
    const state = after(said(cue({ state: "open" })));
    at(stage, state, C - 1);
    expect(at(stage, state, C)).toMatchObject({ phase: "closing" });
    expect(at(stage, state, C + 30_000_000)).toBeUndefined();
  });
});
