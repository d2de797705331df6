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
  const err = await failure(api.act("show", "c1", "extend", "k", 10_000));
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
  await api.act("show", "c1", "extend", "k", 10_000);
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
