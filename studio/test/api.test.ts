import { expect, test, vi } from "vitest";
import { Api, ApiError } from "../src/api.ts";
import { blankQuestion } from "../src/question.ts";
import { randomId } from "../src/random-id.ts";

const draft = {
  id: "c1",
  rev: 1,
  kind: "poll",
  policy: "wall",
  state: "draft",
  window_ms: 20000,
  choices: 2,
  results: "live",
};
const json = (value: unknown, status = 200): Response => Response.json(value, { status });
const refused = (status: number, code: string, message: string): Response =>
  json({ error: { code, message } }, status);

/** An API whose server gives these answers in turn, and what was asked of it. */
function served(...answers: (Response | Error)[]) {
  const asked: { url: string; init: RequestInit }[] = [];
  const fetch = vi.fn((url: unknown, init?: RequestInit) => {
    asked.push({ url: String(url), init: init ?? {} });
    const answer = answers.shift() ?? new Error("asked once too often");
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  });
  const pauses: number[] = [];
  const pause = (ms: number): Promise<void> => Promise.resolve(void pauses.push(ms));
  return { api: new Api({ fetch: fetch as typeof globalThis.fetch, pause }), asked, pauses };
}

const failure = async (call: Promise<unknown>): Promise<ApiError> => {
  const err = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(err).toBeInstanceOf(ApiError);
  return err as ApiError;
};

test("gives the server's own words for a refusal", async () => {
  const { api } = served(refused(409, "too_late", "The window closes in less than 0.5 s."));
  const err = await failure(api.act("show", "c1", "extend", "k", { by_ms: 10_000 }));
  expect(err).toMatchObject({
    code: "too_late",
    status: 409,
    message: "The window closes in less than 0.5 s.",
  });
});

test.each([
  [403, "invalid", /not allowed/],
  [404, "invalid", /no longer there/],
  [418, "invalid", /418/],
  [502, "internal", /502/],
])("has words for a bare %d", async (status, code, words) => {
  const err = await failure(served(new Response("<html>", { status })).api.channels());
  expect(err.code).toBe(code);
  expect(err.message).toMatch(words);
});

test("says so when nothing answers", async () => {
  expect((await failure(served(new TypeError("fetch failed")).api.channels())).code).toBe("offline");
  const late = new DOMException("The operation timed out.", "TimeoutError");
  expect((await failure(served(late).api.channels())).code).toBe("timeout");
});

test("does not take half an answer for a whole one", async () => {
  expect((await failure(served(new Response('{"channels":[')).api.channels())).message).toMatch(
    /not understood/,
  );
  expect((await failure(served(json({ id: "c1" })).api.create("show", blankQuestion()))).message).toMatch(
    /not understood/,
  );
});

test("nobody signed in is an answer, not an error", async () => {
  expect(await served(refused(401, "denied", "sign in first")).api.session()).toBeUndefined();
  expect((await failure(served(refused(401, "denied", "sign in first")).api.channels())).signedOut).toBe(
    true,
  );
});

test("sends a command again under the same key when no answer came", async () => {
  const { api, asked, pauses } = served(
    new TypeError("lost"),
    new TypeError("lost"),
    json({ ...draft, state: "armed" }),
  );
  expect((await api.act("show", "c1", "take", "press-7")).state).toBe("armed");
  const keys = asked.map(({ init }) => new Headers(init.headers).get("idempotency-key"));
  expect(keys).toEqual(["press-7", "press-7", "press-7"]);
  expect(pauses).toEqual([250, 500]);
});

test("sends nothing again that the server refused, or that has no key", async () => {
  const first = served(refused(503, "busy", "Try again shortly."));
  await failure(first.api.act("show", "c1", "take", "k"));
  expect(first.asked).toHaveLength(1);
  const second = served(new TypeError("lost"));
  await failure(second.api.create("show", blankQuestion()));
  expect(second.asked).toHaveLength(1);
});

test("asks by the paths and bodies of the contract", async () => {
  const { api, asked } = served(
    json(draft, 201),
    json(draft),
    json(draft),
    new Response(null, { status: 204 }),
  );
  const trivia = {
    ...blankQuestion(),
    kind: "trivia",
    correct: 1,
    results: "reveal",
    title: "?",
    options: ["a", "b"],
  } as const;
  await api.create("a/b", trivia);
  await api.change("show", "c1", blankQuestion());
  await api.act("show", "c1", "extend", "k", { by_ms: 10_000 });
  await api.remove("show", "c1");
  expect(asked.map(({ url, init }) => `${init.method} ${url} ${String(init.body)}`)).toEqual([
    'POST /api/v1/channels/a%2Fb/cues {"kind":"trivia","title":"?","options":["a","b"],"correct":1,"results":"reveal","window_ms":20000}',
    'PUT /api/v1/channels/show/cues/c1 {"kind":"poll","title":"","options":["",""],"results":"live","window_ms":20000}',
    'POST /api/v1/channels/show/cues/c1/extend {"by_ms":10000}',
    "DELETE /api/v1/channels/show/cues/c1 undefined",
  ]);
});

test("names a press also where there is no secure context", () => {
  const getRandomValues = crypto.getRandomValues.bind(crypto);
  const ids = new Set(Array.from({ length: 50 }, () => randomId({ getRandomValues })));
  expect(ids.size).toBe(50);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});

test("says where and when to take, and how to reveal", async () => {
  const { api, asked } = served(...Array.from({ length: 5 }, () => json(draft)));
  await api.act("show", "c1", "take", "k", { at_us: 1_795_410_000_000_000 });
  await api.act("show", "c1", "take", "k", { open_us: 1_795_410_060_000_000 });
  await api.act("show", "c1", "take", "k", { anyway: true });
  await api.act("show", "c1", "pause", "k");
  await api.act("show", "c1", "reveal", "k", { when: "clear" });
  expect(asked.map(({ url, init }) => `${url.slice(30)} ${String(init.body)}`)).toEqual([
    'take {"at_us":1795410000000000}',
    'take {"open_us":1795410060000000}',
    'take {"anyway":true}',
    "pause {}",
    'reveal {"when":"clear"}',
  ]);
});

test("sends place and policy only where they are not the usual ones", async () => {
  const { api, asked } = served(json(draft), json(draft));
  const question = { ...blankQuestion(), title: "?", options: ["a", "b"], slot: "score" } as const;
  await api.create("show", { ...question, policy: "playhead", maxLagMs: 3000 });
  await api.create("show", { ...question, slot: "main", policy: "archive", maxLagMs: 3000 });
  const [first, second] = asked.map(({ init }) => JSON.parse(String(init.body)) as Record<string, unknown>);
  expect(first).toMatchObject({ policy: "playhead", slot: "score", max_lag_ms: 3000 });
  expect(second).toMatchObject({ policy: "archive" });
  expect(second).not.toHaveProperty("slot");
  expect(second).not.toHaveProperty("max_lag_ms");
});

test("announces another target latency, and ends the event", async () => {
  const { api, asked } = served(
    json({ latency_ms: 3500, at_us: 7 }),
    json({ channel: "show", ended_at_us: 9 }),
    json({ latency_ms: "3500" }),
  );
  expect(await api.setLatency("show", 3500)).toEqual({ latency_ms: 3500, at_us: 7 });
  await api.endEvent("show");
  expect(asked.map(({ url, init }) => `${init.method} ${url} ${String(init.body)}`)).toEqual([
    'PUT /api/v1/channels/show/latency {"latency_ms":3500}',
    "POST /api/v1/channels/show/end undefined",
  ]);
  expect((await failure(api.setLatency("show", 1))).message).toMatch(/not understood/);
});

const recording = {
  id: "r 1",
  started_at_us: 5,
  duration_ms: 1000,
  bytes: 2000,
  live: false,
  url: "/vod/show/r1/index.m3u8",
};

test("reads the recordings; a server that makes none has none", async () => {
  const { api, asked } = served(
    json({ recordings: [recording] }),
    refused(404, "invalid", "No such address."),
    json({ recordings: [{ ...recording, bytes: "many" }] }),
    refused(503, "unavailable", "Later."),
    new Response(null, { status: 204 }),
  );
  expect(await api.recordings("show")).toEqual([recording]);
  expect(await api.recordings("show")).toBeUndefined();
  expect((await failure(api.recordings("show"))).message).toMatch(/not understood/);
  expect((await failure(api.recordings("show"))).message).toBe("Later.");
  await api.removeRecording("show", "r 1");
  expect(`${asked.at(-1)?.init.method} ${asked.at(-1)?.url}`).toBe(
    "DELETE /api/v1/channels/show/recordings/r%201",
  );
});

test("removes people, and reads who was banned", async () => {
  const ban = { participant: "p/1", at_us: 5, until_us: 7, reason: "spam" };
  const { api, asked } = served(
    json({ participant: "p/1", closed: 2 }),
    json({ ...ban, closed: 0 }),
    json({ bans: [ban, { participant: "p2", at_us: 4 }] }),
    new Response(null, { status: 204 }),
  );
  expect(await api.kick("show", "p/1")).toBe(2);
  expect(await api.ban("show", "p/1", { forS: 600, reason: "spam" })).toBe(0);
  expect(await api.bans("show")).toEqual([ban, { participant: "p2", at_us: 4 }]);
  await api.unban("show", "p/1");
  expect(asked.map(({ url, init }) => `${init.method} ${url}`)).toEqual([
    "POST /api/v1/channels/show/participants/p%2F1/kick",
    "POST /api/v1/channels/show/participants/p%2F1/ban",
    "GET /api/v1/channels/show/bans",
    "DELETE /api/v1/channels/show/participants/p%2F1/ban",
  ]);
  expect(JSON.parse(String(asked[1]?.init.body))).toEqual({ for_s: 600, reason: "spam" });
});

test("makes one-time links", async () => {
  const links = ["https://host/watch/show#link=A", "https://host/watch/show#link=B"];
  const { api, asked } = served(json({ links }, 201));
  expect(await api.makeLinks("show", 2, 3600)).toEqual(links);
  expect(JSON.parse(String(asked[0]?.init.body))).toEqual({ count: 2, for_s: 3600 });
});

test.each([[{ bans: [{ at_us: 1 }] }], [{ bans: {} }], [null], [{ bans: [null] }]])(
  "does not take %j for a list of bans",
  async (answer) => {
    expect((await failure(served(json(answer)).api.bans("show"))).message).toMatch(/not understood/);
  },
);

test("asks for changeable answers only where they are wanted", async () => {
  const { api, asked } = served(json(draft), json(draft));
  await api.create("show", { ...blankQuestion(), changes: true });
  await api.create("show", blankQuestion());
  expect(asked.map(({ init }) => JSON.parse(String(init.body)).changes)).toEqual([true, undefined]);
});
