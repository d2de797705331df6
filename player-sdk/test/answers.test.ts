import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type AnswerMessage,
  type AnswerPort,
  type ConnectionOptions,
  type Cue,
  localNow,
  micros,
  millis,
  type ServerMessage,
  sendDelay,
} from "../src/core/index.ts";
import { AHEAD, Ends, type FarEnd, openCue } from "./far-end.ts";

let ends: Ends;

const last = (): FarEnd => ends.last;
const sent = (): readonly AnswerMessage[] => last().answers as AnswerMessage[];

beforeEach(() => {
  ends = new Ends();
});

afterEach(() => ends.done());

/** A connection whose clock is synced. */
async function connected(options: Partial<ConnectionOptions> = {}, welcome: object = {}) {
  const made = ends.connect(options);
  last().welcome(welcome);
  await vi.advanceTimersByTimeAsync(500);
  return made;
}

const receipt = (id: string, choice: number, changes = 0): ServerMessage => ({
  ...{ t: "receipt", id, cue: "c1", choice: [choice], seq: 3, at_us: micros(AHEAD), level: "log" },
  ...(changes === 0 ? {} : { changes }),
});
const refusal = (id: string, code: string): ServerMessage => ({
  ...{ t: "refused", id, cue: "c1", code, message: "Time was up." },
});

describe("SP1 a crowd that taps together does not send together", () => {
  const spread = millis(500);
  const delay = sendDelay("c1", "p9", spread);
  const sentAt = async (ms: number) => {
    const began = localNow();
    while (sent().length === 0 && localNow() - began < ms) await vi.advanceTimersByTimeAsync(1);
    return localNow() - began;
  };

  test("an answer is sent after the participant's own delay, stamped with the tap", async () => {
    expect(delay).toBe(109);
    const { connection } = await connected();
    const tappedAt = localNow();
    await vi.advanceTimersByTimeAsync(9);
    connection.answer(openCue(20_000, { spread_ms: spread }), [1], tappedAt);
    expect(connection.room.getState().sending.get("c1")?.choice).toEqual([1]);
    expect(await sentAt(1000)).toBeCloseTo(100, 3);
    expect(Math.abs((sent()[0]?.at_us ?? 0) - (tappedAt * 1000 + AHEAD))).toBeLessThan(2);
  });
  test("not after C", async () => {
    const { connection } = await connected();
    connection.answer(openCue(60, { spread_ms: spread }), [1], localNow());
    expect(await sentAt(1000)).toBeLessThanOrEqual(60);
  });
  test("at once without a stamp: the time it takes would not be given back", async () => {
    const { connection } = ends.connect();
    last().alive = false;
    last().welcome();
    connection.answer(openCue(20_000, { spread_ms: spread }), [1], localNow());
    expect(sent()).toHaveLength(1);
    expect(sent()[0]).not.toHaveProperty("at_us");
  });
  test("at once where nothing is spread", async () => {
    const { connection } = await connected();
    connection.answer(openCue(), [1], localNow());
    expect(sent()).toHaveLength(1);
  });
  test("at once when the page is hidden, and only once", async () => {
    const { connection } = await connected();
    connection.answer(openCue(20_000, { spread_ms: spread }), [1], localNow());
    expect(sent()).toHaveLength(0);
    connection.leave("hidden");
    expect(sent()).toHaveLength(1);
    connection.leave("hidden");
    await vi.advanceTimersByTimeAsync(1500);
    expect(sent()).toHaveLength(1);
  });
  test("a new socket does not hurry it", async () => {
    const { connection } = await connected();
    last().end(1006);
    await vi.advanceTimersByTimeAsync(240);
    connection.answer(openCue(20_000, { spread_ms: spread }), [1], localNow());
    await vi.advanceTimersByTimeAsync(10);
    last().welcome();
    expect(sent()).toHaveLength(0);
    await vi.advanceTimersByTimeAsync(100);
    expect(sent()).toHaveLength(1);
  });
});

describe("AN1 an answer outlives its page", () => {
  /** What a tab keeps over a reload. */
  function tab(): AnswerPort & { held: readonly AnswerMessage[] } {
    return {
      held: [],
      read() {
        return this.held;
      },
      write(_, answers) {
        this.held = answers;
      },
    };
  }
  const at = (more: Partial<Cue> = {}) => ({ cues: [openCue(20_000, more)] });

  test("it is kept from the tap to the receipt", async () => {
    const kept = tab();
    const { connection } = await connected({ kept }, at());
    connection.answer(openCue(), [1], localNow());
    expect(kept.held).toEqual(sent());
    last().say(receipt(sent()[0]?.id ?? "", 1));
    expect(kept.held).toEqual([]);
  });
  test("after a reload it is on screen as being sent, and goes out with the same bytes", async () => {
    const kept = tab();
    await connected({ kept }, at()).then(({ connection }) => connection.answer(openCue(), [1], localNow()));
    const [before] = sent();
    ends.stop.abort();
    await vi.advanceTimersByTimeAsync(10);
    expect(kept.held).toEqual([before]);

    vi.useRealTimers();
    ends = new Ends();
    const { connection } = ends.connect({ kept });
    last().welcome(at());
    expect(connection.room.getState().sending.get("c1")).toEqual(before);
    expect(sent()).toEqual([before]);
    last().say(receipt(before?.id ?? "", 1));
    expect(connection.room.getState().sending.size).toBe(0);
    expect(kept.held).toEqual([]);
  });
  const old: AnswerMessage = { t: "answer", id: "a1", cue: "c1", rev: 2, choice: [1] };
  const counted = { cue: "c1", choice: [0], seq: 3, at_us: micros(AHEAD), level: "log" };
  test.each([
    ["the window is over", { state: "closed" }, []],
    ["the cue is not there", { id: "c2" }, []],
    ["an answer was counted", {}, [counted]],
    ["it was counted itself", { changes: true }, [{ ...counted, id: "a1" }]],
  ] as const)("it is forgotten when %s", async (_, more, receipts) => {
    const kept = tab();
    kept.held = [old];
    await connected({ kept }, { ...at(more), receipts });
    expect(sent()).toEqual([]);
    expect(kept.held).toEqual([]);
  });
  test("a change on its way goes on", async () => {
    const kept = tab();
    kept.held = [old];
    await connected({ kept }, { ...at({ changes: true }), receipts: [counted] });
    expect(sent()).toEqual([old]);
  });
  test("when the page goes, what nothing was heard of is posted besides", async () => {
    const posts: [string, RequestInit][] = [];
    const post = async (url: string, init: RequestInit) => posts.push([url, init]);
    const { connection } = await connected({ post }, at());
    connection.answer(openCue(20_000, { spread_ms: millis(500) }), [1], localNow());
    connection.leave("closed");
    expect(sent()).toHaveLength(1);
    const [[url, init] = ["", {}]] = posts;
    expect(url).toBe("http://server/api/v1/cues/c1/answers");
    expect(init).toMatchObject({ method: "POST", keepalive: true, headers: { Authorization: "Bearer t1" } });
    const { id, at_us } = sent()[0] as AnswerMessage;
    expect(JSON.parse(init.body as string)).toEqual({ id, rev: 2, choice: [1], at_us });
    last().say(receipt(id, 1));
    connection.leave("closed");
    expect(posts).toHaveLength(1);
  });
});

describe("AN2 changing an answer, where the cue allows it", () => {
  const cue = (): Cue => openCue(20_000, { changes: true });
  const ids = (): readonly string[] => sent().map((a) => a.id);

  test("another choice is another answer, and takes the place of the one before", async () => {
    const { connection } = await connected({}, { cues: [cue()] });
    connection.answer(cue(), [0], localNow());
    connection.answer(cue(), [1], localNow());
    const [first = "", second = ""] = ids();
    expect(second).not.toBe(first);
    expect(connection.room.getState().sending.get("c1")?.choice).toEqual([1]);
    last().end(1006);
    await vi.advanceTimersByTimeAsync(300);
    last().welcome({ cues: [cue()] });
    expect(ids(), "only the newest goes out again").toEqual([second]);
  });
  test("the receipt of the earlier one does not end the sending of the later", async () => {
    const { connection } = await connected({}, { cues: [cue()] });
    connection.answer(cue(), [0], localNow());
    connection.answer(cue(), [1], localNow());
    const [first = "", second = ""] = ids();
    last().say(receipt(first, 0));
    expect(connection.room.getState().sending.has("c1")).toBe(true);
    last().say(receipt(second, 1, 1));
    expect(connection.room.getState().sending.has("c1")).toBe(false);
    expect(connection.room.getState().receipts.get("c1")).toMatchObject({ choice: [1], changes: 1 });
    last().say(receipt(first, 0));
    expect(connection.room.getState().receipts.get("c1"), "late").toMatchObject({ choice: [1], changes: 1 });
  });
  test("the same choice again sends nothing", async () => {
    const { connection } = await connected({}, { cues: [cue()] });
    connection.answer(cue(), [0], localNow());
    connection.answer(cue(), [0], localNow());
    last().say(receipt(ids()[0] ?? "", 0));
    connection.answer(cue(), [0], localNow());
    expect(sent()).toHaveLength(1);
  });
  test("a change that is refused leaves what was counted, and says why", async () => {
    const { connection } = await connected({}, { cues: [cue()] });
    connection.answer(cue(), [0], localNow());
    last().say(receipt(ids()[0] ?? "", 0));
    connection.answer(cue(), [1], localNow());
    last().say(refusal(ids()[1] ?? "", "late"));
    const { receipts, refusals, sending } = connection.room.getState();
    expect(sending.size).toBe(0);
    expect(receipts.get("c1")?.choice).toEqual([0]);
    expect(refusals.get("c1")?.code).toBe("late");
  });
  test("elsewhere the first one is the only one", async () => {
    const { connection } = await connected({}, { cues: [openCue()] });
    connection.answer(openCue(), [0], localNow());
    connection.answer(openCue(), [1], localNow());
    expect(sent()).toHaveLength(1);
  });
});
