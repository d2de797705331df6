import { readFileSync } from "node:fs";
import { decodeServer, emptyRoom, reduceRoom } from "@cuelight/player/core";
import { expect, test } from "vitest";
import {
  CHANNEL_LATENCY,
  initialState,
  recordingKey,
  reduce,
  type StudioEvent,
  type StudioState,
  StudioStore,
} from "../src/store.ts";

const session = { role: "producer", channels: ["show"], expires_us: 0 };
const after = (events: readonly StudioEvent[], from: StudioState = initialState): StudioState =>
  events.reduce(reduce, from);
const example = (name: string) =>
  decodeServer(
    readFileSync(new URL(`../../interact/wire/testdata/server/${name}.json`, import.meta.url), "utf8"),
  );
const room = ["welcome_empty", "cue_draft_for_producer", "health", "presence"]
  .map(example)
  .reduce(reduceRoom, emptyRoom);
const inShow = after([
  { type: "signed-in", session },
  { type: "channel", name: "show" },
  { type: "room", room },
]);

test("shows the room that the server's messages make", () => {
  expect(inShow.room.cues.get("c2")?.correct).toBe(1);
  expect(inShow.room.presence?.viewers).toBe(412);
  expect(inShow.room.health?.advice).toHaveLength(1);
});

test("a command changes no cue until the server says so", () => {
  for (const command of ["take", "extend", "close", "reveal", "cancel", "delete"] as const) {
    const state = after([{ type: "pending", cue: "c2", command }], inShow);
    expect(state.room).toBe(inShow.room);
    expect(state.pending.get("c2")).toBe(command);
  }
});

test("a refusal is kept beside its cue, and goes with the next try", () => {
  const refused = after(
    [
      { type: "pending", cue: "c2", command: "take" },
      { type: "settled", cue: "c2", complaint: "Another cue is on air." },
    ],
    inShow,
  );
  expect(refused.pending.size).toBe(0);
  expect(refused.complaint).toEqual({ cue: "c2", message: "Another cue is on air." });
  expect(after([{ type: "pending", cue: "c2", command: "take" }], refused).complaint).toBeUndefined();
  expect(after([{ type: "settled", cue: "c2" }], refused).complaint).toBeUndefined();
});

test("one cue's answer does not end another's command", () => {
  const state = after(
    [
      { type: "pending", cue: "a", command: "take" },
      { type: "pending", cue: "b", command: "delete" },
      { type: "settled", cue: "a" },
    ],
    inShow,
  );
  expect([...state.pending]).toEqual([["b", "delete"]]);
});

test("another channel starts from nothing; the same one changes nothing", () => {
  const moved = after(
    [
      { type: "select", cue: "c2" },
      { type: "look", cue: "c2" },
      { type: "recordings", recordings: { is: "none" } },
      { type: "channel", name: "side" },
    ],
    inShow,
  );
  expect(moved.room).toBe(emptyRoom);
  expect(moved.looked).toBeUndefined();
  expect(moved.recordings).toEqual({ is: "unknown" });
  expect(moved.selected).toBeUndefined();
  expect(reduce(inShow, { type: "channel", name: "show" })).toBe(inShow);
});

test("signing out forgets everything but the reason", () => {
  const out = reduce(inShow, { type: "signed-out", message: "Your session has ended." });
  expect(out).toEqual({ ...initialState, phase: "signed-out", signInMessage: "Your session has ended." });
});

test("notices have ids of their own, and only the last few stay", () => {
  const notice = (text: string): StudioEvent => ({ type: "notice", tone: "good", text });
  const state = after(["a", "b", "c", "d"].map(notice));
  expect(state.notices.map((n) => n.text)).toEqual(["b", "c", "d"]);
  expect(new Set(state.notices.map((n) => n.id)).size).toBe(3);
  const first = state.notices[0]?.id ?? -1;
  expect(reduce(state, { type: "dismiss", id: first }).notices.map((n) => n.text)).toEqual(["c", "d"]);
});

test("events are applied without changing the state they are applied to", () => {
  const frozen = Object.freeze({ ...inShow, pending: new Map([["c2", "take" as const]]) });
  after(
    [
      { type: "settled", cue: "c2", complaint: "no" },
      { type: "notice", tone: "bad", text: "no" },
      { type: "select", cue: "c2" },
    ],
    frozen,
  );
  expect(frozen.pending.get("c2")).toBe("take");
  expect(frozen.notices).toEqual([]);
});

test("listeners hear of changes only, until they leave", () => {
  const store = new StudioStore();
  const leave = new AbortController();
  let heard = 0;
  store.subscribe(() => heard++, { signal: leave.signal });
  store.dispatch({ type: "room", room: store.getState().room });
  expect(heard).toBe(0);
  store.dispatch({ type: "channel", name: "show" });
  expect(heard).toBe(1);
  leave.abort();
  store.dispatch({ type: "channel", name: "side" });
  expect(heard).toBe(1);
});

test("what is about the channel is kept apart from what is about a cue", () => {
  const state = after(
    [
      { type: "pending", cue: CHANNEL_LATENCY, command: "latency" },
      { type: "pending", cue: recordingKey("r1"), command: "delete" },
      { type: "settled", cue: CHANNEL_LATENCY, complaint: "A cue is armed." },
    ],
    inShow,
  );
  expect([...state.pending]).toEqual([["@recording/r1", "delete"]]);
  expect(state.complaint).toEqual({ cue: CHANNEL_LATENCY, message: "A cue is armed." });
});

test("looks at another cue's openings, and back at those of the one on air", () => {
  const looking = after([{ type: "look", cue: "c2" }], inShow);
  expect(looking.looked).toBe("c2");
  expect(after([{ type: "look", cue: undefined }], looking).looked).toBeUndefined();
});
