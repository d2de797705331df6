import {
  type Cue,
  type CueState,
  emptyRoom,
  type Micros,
  micros,
  millis,
  type RoomState,
} from "@cuelight/player/core";
import { expect, test } from "vitest";
import { activeCue, allowed, lastOpenings, nextDraft, rundown } from "../src/rundown.ts";

const O = 1_795_410_000_000_000;
const C = O + 20_000_000;

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
  const openings = (id: string) =>
    [
      id,
      {
        t: "openings",
        cue: id,
        rev: 1,
        reported: 1,
        late: 0,
        expected: 1,
        p50_us: 1 as Micros,
        p95_us: 1 as Micros,
        max_us: 1 as Micros,
        spread_us: 1 as Micros,
      },
    ] as const;
  const cues = roomOf(cue("a", "closed"), cue("b", "closed", O + 1), cue("c", "open", O + 2));
  expect(lastOpenings({ ...cues, openings: new Map([openings("b"), openings("a")]) })?.cue).toBe("b");
  expect(lastOpenings({ ...cues, openings: new Map([openings("c"), openings("b")]) })?.cue).toBe("c");
  expect(lastOpenings(cues)).toBeUndefined();
});

test.each<[CueState, number, string]>([
  ["draft", O, ""],
  ["armed", O - 2_000_000, "extend cancel"],
  ["armed", O - 500_001, "extend cancel"],
  ["armed", O - 500_000, "extend void"],
  ["keyed", O - 300_000, "extend void"],
  ["open", O + 1, "extend close void"],
  ["open", C - 500_001, "extend close void"],
  ["open", C - 500_000, "void"],
  ["closing", C + 1, "void"],
  ["closed", C + 600_000, "reveal void"],
  ["revealed", C + 9_000_000, ""],
  ["cancelled", O, ""],
  ["void", O, ""],
])("a cue that is %s at %d allows: %s", (state, now, want) => {
  const can = allowed(cue("c", state), now);
  const got = [can.extend && "extend", can.close && "close", can.reveal && "reveal", can.withdraw].filter(
    Boolean,
  );
  expect(got.join(" ")).toBe(want);
});

test("without a clock the state alone decides", () => {
  expect(allowed(cue("c", "armed"), undefined)).toEqual({
    extend: true,
    close: false,
    reveal: false,
    withdraw: "cancel",
  });
});
