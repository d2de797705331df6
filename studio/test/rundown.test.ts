import { readFileSync } from "node:fs";
import {
  type Cue,
  type CueState,
  decodeServer,
  emptyRoom,
  micros,
  millis,
  type OpeningsMessage,
  type RoomState,
} from "@cuelight/player/core";
import { expect, test } from "vitest";
import {
  activeCue,
  allowed,
  answerTerms,
  blocker,
  isOrphaned,
  lastOpenings,
  nextDraft,
  onAir,
  rundown,
  windowLeft,
} from "../src/rundown.ts";

const O = 1_795_410_000_000_000;
const C = O + 20_000_000;

const example = decodeServer(
  readFileSync(new URL("../../interact/wire/testdata/server/openings.json", import.meta.url), "utf8"),
) as OpeningsMessage;

const cue = (id: string, state: CueState, o: number = O): Cue => ({
  id,
  rev: 1,
  kind: "poll",
  policy: "wall",
  state,
  ...(state === "draft" ? {} : { o_us: micros(o), c_us: micros(o + 20_000_000) }),
  window_ms: millis(20_000),
  choices: 2,
  results: "live",
});

const roomOf = (...cues: Cue[]): RoomState => ({
  ...emptyRoom,
  cues: new Map(cues.map((each) => [each.id, each])),
});
const ids = (cues: readonly Cue[]): string[] => cues.map((each) => each.id);

test("the rundown is what was taken by its opening, then drafts as they were made", () => {
  const room = roomOf(
    cue("d1", "draft"),
    cue("late", "open", O + 5),
    cue("d2", "draft"),
    cue("early", "void", O),
  );
  expect(ids(rundown(room))).toEqual(["early", "late", "d1", "d2"]);
});

test("on air is the cue taken last that was not withdrawn", () => {
  expect(activeCue(roomOf(cue("a", "revealed"), cue("b", "armed", O + 9), cue("d", "draft")))?.id).toBe("b");
  expect(
    activeCue(roomOf(cue("a", "closed"), cue("b", "cancelled", O + 9), cue("c", "void", O + 10)))?.id,
  ).toBe("a");
  expect(activeCue(roomOf(cue("d", "draft")))).toBeUndefined();
});

test("next is the chosen draft, and the first one once that is taken or gone", () => {
  const room = roomOf(cue("a", "open"), cue("d1", "draft"), cue("d2", "draft"));
  expect(nextDraft(room, "d2")?.id).toBe("d2");
  for (const chosen of [undefined, "a", "gone"]) expect(nextDraft(room, chosen)?.id).toBe("d1");
  expect(nextDraft(roomOf(cue("a", "open")), "a")).toBeUndefined();
});

test("the openings shown are the active cue's, else the last cue's that has any", () => {
  const openings = (id: string): [string, OpeningsMessage] => [id, { ...example, cue: id }];
  const cues = roomOf(cue("a", "closed"), cue("b", "closed", O + 1), cue("c", "open", O + 2));
  expect(lastOpenings({ ...cues, openings: new Map([openings("b"), openings("a")]) })?.cue).toBe("b");
  expect(lastOpenings({ ...cues, openings: new Map([openings("c"), openings("b")]) })?.cue).toBe("c");
  expect(lastOpenings(cues)).toBeUndefined();
  const told = { ...cues, openings: new Map([openings("c"), openings("a")]) };
  expect(lastOpenings(told, "a")?.cue).toBe("a");
  expect(lastOpenings(told, "b")?.cue).toBe("c");
});

test("on air is one cue of each place, the last taken first; those of other places until they are revealed", () => {
  const score = { slot: "score" };
  const room = roomOf(
    cue("old", "revealed", O),
    cue("main", "closed", O + 1),
    { ...cue("score", "open", O + 2), ...score },
    { ...cue("quiz", "revealed", O - 5), slot: "quiz" },
    cue("d1", "draft"),
  );
  expect(ids(onAir(room))).toEqual(["score", "main"]);
  expect(ids(onAir(roomOf(cue("old", "revealed"))))).toEqual(["old"]);
  expect(onAir(roomOf(cue("d1", "draft"), cue("a", "void")))).toEqual([]);
});

test("a cue waits only for one in the same place", () => {
  const next = cue("d1", "draft");
  for (const state of ["scheduled", "armed", "keyed", "open", "paused", "closing"] as const) {
    expect(blocker(roomOf(cue("a", state), next), next)?.id).toBe("a");
    expect(blocker(roomOf({ ...cue("a", state), slot: "score" }, next), next)).toBeUndefined();
    expect(blocker(roomOf({ ...cue("a", state), slot: "main" }, next), next)?.id).toBe("a");
  }
  for (const state of ["closed", "revealed", "void"] as const) {
    expect(blocker(roomOf(cue("a", state), next), next)).toBeUndefined();
  }
});

test("the bar of a window runs down, and stands still in a pause", () => {
  expect(windowLeft(cue("a", "armed"), O - 5_000_000)).toBe(1);
  expect(windowLeft(cue("a", "open"), O + 5_000_000)).toBe(0.75);
  expect(windowLeft(cue("a", "closing"), C + 1)).toBe(0);
  const paused = { ...cue("a", "paused"), pause_us: micros(O + 5_000_000), remaining_ms: millis(15_000) };
  expect(windowLeft(paused, O + 6_000_000)).toBe(0.75);
  expect(windowLeft(paused, O + 600_000_000)).toBe(0.75);
  const resumed = {
    ...paused,
    state: "open",
    resume_us: micros(O + 60_000_000),
    c_us: micros(O + 75_000_000),
  } as const;
  expect(windowLeft(resumed, O + 65_000_000)).toBe(0.5);
});

const did = (each: Cue, now: number | undefined): string => {
  const can = allowed(each, now);
  const names = ["move", "extend", "pause", "resume", "close", "reveal", "revealClear"] as const;
  return [...names.filter((name) => can[name]), can.withdraw ?? []].flat().join(" ");
};

test.each<[CueState, number, string]>([
  ["draft", O, ""],
  ["scheduled", O - 60_000_000, "move extend cancel"],
  ["armed", O - 2_000_000, "move extend cancel"],
  ["armed", O - 1_999_999, "extend cancel"],
  ["armed", O - 500_000, "extend cancel"],
  ["armed", O - 499_999, "extend void"],
  ["keyed", O - 300_000, "extend void"],
  ["open", O + 1, "extend pause close revealClear void"],
  ["open", C - 500_001, "extend pause close revealClear void"],
  ["open", C - 500_000, "revealClear void"],
  ["closing", C + 1, "revealClear void"],
  ["closed", C + 600_000, "reveal revealClear void"],
  ["revealed", C + 9_000_000, ""],
  ["cancelled", O, ""],
  ["void", O, ""],
])("a cue that is %s at %d allows: %s", (state, now, want) => {
  expect(did(cue("c", state), now)).toBe(want);
});

test("a pause has no end until somebody resumes: nothing runs out meanwhile", () => {
  const paused = { ...cue("c", "paused"), pause_us: micros(O + 5_000_000), remaining_ms: millis(15_000) };
  expect(did(paused, C + 600_000_000)).toBe("extend resume close revealClear void");
  expect(did({ ...paused, state: "open" }, O + 4_800_000)).toBe("extend resume close revealClear void");
  const resumed = { ...paused, resume_us: micros(C), c_us: micros(C + 15_000_000) };
  expect(did(resumed, C - 1)).toBe("extend close revealClear void");
  expect(did({ ...resumed, state: "open" }, C + 1)).toBe("extend pause close revealClear void");
});

test("a cue whose picture has stopped can be decided on, not moved", () => {
  const held = { ...cue("c", "scheduled"), orphaned: true };
  expect(isOrphaned(held)).toBe(true);
  expect(isOrphaned({ ...held, state: "cancelled" })).toBe(false);
  expect(did(held, O - 60_000_000)).toBe("extend cancel");
});

test("reveal that waits for the light is not armed twice", () => {
  expect(did({ ...cue("c", "closed"), reveal_armed: true }, C + 1)).toBe("reveal void");
});

test("without a clock the state alone decides", () => {
  expect(did(cue("c", "armed"), undefined)).toBe("move extend cancel");
  expect(did(cue("c", "open"), undefined)).toBe("extend pause close revealClear void");
});

test("says how answers are taken where that is not as usual", () => {
  const cue = { id: "c1", choices: 2 } as Cue;
  expect(answerTerms(cue)).toBe("");
  expect(answerTerms({ ...cue, spread_ms: 0 } as Cue)).toBe("");
  expect(answerTerms({ ...cue, changes: true } as Cue)).toMatch(/may be changed/);
  expect(answerTerms({ ...cue, spread_ms: 300 } as Cue)).toMatch(/over 300\u00a0ms/);
});
