import { describe, expect, test } from "vitest";
import { type GraphicsOptions, graphicsOptions, Programme, scaleOf } from "../pages/programme.ts";
import {
  type Cue,
  emptyRoom,
  type Link,
  micros,
  millis,
  type RoomState,
  type Tally,
  type Timeline,
} from "../src/core/index.ts";

const OPENS = 10_000; // ms, as everything below
const CLOSES = 30_000;
const LATENCY = 2000;

const cue: Cue = {
  id: "c1",
  rev: 2,
  kind: "poll",
  policy: "wall",
  state: "open",
  o_us: micros(OPENS * 1000),
  c_us: micros(CLOSES * 1000),
  window_ms: millis(CLOSES - OPENS),
  choices: 2,
  results: "live",
  text: { title: "Tea or coffee?", options: ["Tea", "Coffee"] },
};
const timeline: Timeline = {
  epoch: 1,
  rev: 1,
  state: "locked",
  scale: 90_000,
  points: [],
  latency_ms: millis(LATENCY),
  live: true,
};
const tally: Tally = { cue: "c1", ver: 3, counts: [1, 3], total: 4 };
const open: Link = { is: "open" };
const lost: Link = { is: "waiting", reason: "gone", retryAt: 0 };

/** A device whose clock shows the same as R. */
const clock = {
  at: (local: number) => micros(local * 1000),
  localAt: (room: number) => millis(room / 1000),
};

function room(more: Partial<RoomState> = {}, change: Partial<Cue> = {}): RoomState {
  const cues = new Map([[cue.id, { ...cue, ...change }]]);
  return { ...emptyRoom, link: open, timeline, cues, tallies: new Map([["c1", tally]]), ...more };
}

const viewAt = (programme: Programme, at: number, state = room()) => programme.view(state, clock, millis(at));
const phaseAt = (programme: Programme, at: number, state = room()) => viewAt(programme, at, state)?.phase;

describe("GR1 what the address asks for", () => {
  const read = (pathname: string, search = ""): GraphicsOptions => graphicsOptions({ pathname, search });

  test("the channel is the last part of the path, unless the query names one", () => {
    expect(read("/graphics/show").channel).toBe("show");
    expect(read("/graphics/late%20show/").channel).toBe("late show");
    expect(read("/player/graphics.html", "?channel=show").channel).toBe("show");
    expect(read("/graphics/show", "?channel=").channel).toBe("show");
  });
  test("place, scale and delay", () => {
    const wanted = read("/graphics/show", "?place=left&scale=1.5&delay=0");
    expect(wanted).toEqual({ channel: "show", place: "left", scale: 1.5, delay: 0 });
  });
  test.each([
    "",
    "?place=&scale=&delay=",
    "?place=middle&scale=0&delay=-1",
    "?place=LEFT&scale=large&delay=2s",
    "?scale=4.01&delay=60001",
    "?scale=Infinity&delay=NaN",
    "?scale=%20&delay=%20",
  ])("what makes no sense is as good as not there: %s", (search) => {
    expect(read("/graphics/show", search)).toEqual({
      channel: "show",
      place: "bottom",
      scale: 1,
      delay: undefined,
    });
  });
});

describe("GR2 the card scales with the picture and stays within it", () => {
  const options = graphicsOptions({ pathname: "/graphics/show", search: "" });
  const hd = { width: 1920, height: 1080 };
  const card = { width: 940, height: 240 };

  test("a card covers the same share of every picture of one shape", () => {
    const half = scaleOf(options, { width: 960, height: 540 }, card);
    expect(half).toBeCloseTo(scaleOf(options, hd, card) / 2);
  });
  test("twice as large when asked, while it fits", () => {
    const small = scaleOf({ ...options, scale: 0.5 }, hd, card);
    expect(scaleOf(options, hd, card)).toBeCloseTo(2 * small);
  });
  test.each([
    ["a long text", hd, { width: 940, height: 1400 }, 1],
    ["a large scale", hd, card, 4],
    ["an upright picture", { width: 1080, height: 1920 }, card, 4],
  ])("no larger than the picture holds: %s", (_, picture, box, scale) => {
    const s = scaleOf({ ...options, scale }, picture, box);
    expect(s * box.width).toBeLessThanOrEqual(picture.width * 0.92 + 1e-9);
    expect(s * box.height).toBeLessThanOrEqual(picture.height * 0.9 + 1e-9);
  });
  test("an empty card has a scale", () => {
    expect(scaleOf(options, hd, { width: 940, height: 0 })).toBeGreaterThan(0);
  });
});

describe("GR3 the card opens at O and closes as its audience sees it", () => {
  test("not before O, whatever the delay", () => {
    const programme = new Programme(undefined);
    expect(phaseAt(programme, OPENS - 1)).toBeUndefined();
    expect(phaseAt(programme, OPENS)).toBe("open");
  });
  test("by the channel's target latency", () => {
    const programme = new Programme(undefined);
    expect(viewAt(programme, OPENS)?.closesAt).toBe(CLOSES - LATENCY);
    expect(phaseAt(programme, CLOSES - LATENCY - 1)).toBe("open");
    expect(phaseAt(programme, CLOSES - LATENCY)).toBe("closing");
  });
  test.each([0, 5000])("by a delay of %i ms where the address says so", (delay) => {
    const programme = new Programme(millis(delay));
    expect(viewAt(programme, OPENS)?.closesAt).toBe(CLOSES - delay);
    expect(phaseAt(programme, CLOSES - delay - 1)).toBe("open");
    expect(phaseAt(programme, CLOSES - delay)).toBe("closing");
  });
  test("by none while the timeline is not known", () => {
    expect(viewAt(new Programme(undefined), OPENS, room({ timeline: undefined }))?.closesAt).toBe(CLOSES);
  });
  test("an extension opens it again", () => {
    const programme = new Programme(undefined);
    expect(phaseAt(programme, CLOSES - 1000)).toBe("closing");
    const extended = room({}, { rev: 3, c_us: micros((CLOSES + 10_000) * 1000) });
    expect(phaseAt(programme, CLOSES - 900, extended)).toBe("open");
  });
});

describe("GR4 the card sways nobody, and leaves by itself", () => {
  test("no bars before C, though the tally is known and the card says that time is up", () => {
    const programme = new Programme(undefined);
    expect(viewAt(programme, OPENS)?.total).toBeUndefined();
    expect(viewAt(programme, CLOSES - 1)).toMatchObject({ phase: "closing", total: undefined });
    expect(viewAt(programme, CLOSES)).toMatchObject({ phase: "closing", total: 4 });
    expect(viewAt(programme, CLOSES + 500, room({}, { state: "closed" }))).toMatchObject({
      phase: "closed",
      total: 4,
    });
  });
  test("the result leaves; a void cue leaves at once", () => {
    const programme = new Programme(undefined);
    const closed = room({}, { state: "closed" });
    expect(phaseAt(programme, CLOSES, closed)).toBe("closed");
    expect(phaseAt(programme, CLOSES + 8000, closed)).toBeUndefined();
    expect(phaseAt(new Programme(undefined), OPENS, room({}, { state: "void" }))).toBeUndefined();
  });
  test("nothing without a cue, a text or a clock", () => {
    expect(viewAt(new Programme(undefined), OPENS, emptyRoom)).toBeUndefined();
    const { text: _, ...keyless } = cue;
    const locked = room({ cues: new Map([["c1", keyless]]) });
    expect(viewAt(new Programme(undefined), OPENS, locked)).toBeUndefined();
    const unread = { at: () => undefined, localAt: () => undefined };
    expect(new Programme(undefined).view(room(), unread, millis(OPENS))).toBeUndefined();
  });
});

describe("GR5 without a connection the card leaves after 10 s", () => {
  const gone = room({ link: lost });
  const dialling = room({ link: { is: "connecting", attempt: 2 } });

  test("attempts to come back do not keep it", () => {
    const programme = new Programme(undefined);
    expect(phaseAt(programme, OPENS + 1000)).toBe("open");
    expect(phaseAt(programme, OPENS + 2000, gone)).toBe("open");
    expect(phaseAt(programme, OPENS + 8000, dialling)).toBe("open");
    expect(phaseAt(programme, OPENS + 11_999, gone)).toBe("open");
    expect(phaseAt(programme, OPENS + 12_000, gone)).toBeUndefined();
    expect(phaseAt(programme, OPENS + 13_000, dialling)).toBeUndefined();
  });
  test("it comes back with the connection, and counts anew from the next loss", () => {
    const programme = new Programme(undefined);
    expect(phaseAt(programme, OPENS, gone)).toBe("open");
    expect(phaseAt(programme, OPENS + 10_000, gone)).toBeUndefined();
    expect(phaseAt(programme, OPENS + 10_100)).toBe("open");
    expect(phaseAt(programme, OPENS + 10_200, gone)).toBe("open");
  });
  test("a refusal for good is a loss", () => {
    const programme = new Programme(undefined);
    const refused = room({ link: { is: "refused", code: 4100, reason: "no" } });
    expect(phaseAt(programme, OPENS, refused)).toBe("open");
    expect(phaseAt(programme, OPENS + 10_000, refused)).toBeUndefined();
  });
});
