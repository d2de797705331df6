import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Action, type ActionBody, Api, ApiError } from "../src/api.ts";
import { CHANNEL_LATENCY, CHANNEL_LINKS, participantKey } from "../src/store.ts";
import { doneWords, Studio, signInProblem } from "../src/studio.ts";

/** A socket that never opens: these tests are about HTTP. */
class SilentSocket {
  readonly readyState = 0;
  send(): void {}
  close(): void {}
}

const cue = {
  id: "c1",
  rev: 2,
  kind: "poll",
  policy: "wall",
  state: "armed",
  window_ms: 20000,
  choices: 2,
  results: "live",
};
const lives = new AbortController();
let role: string;
let signedIn: boolean;
let asked: { path: string; key: string | null }[];
let held: (() => void)[];
/** What it says to whatever else it is asked. */
let answer: unknown;

/** A server that holds commands back until they are let go. */
const server = async (url: unknown, init: RequestInit = {}): Promise<Response> => {
  const path = `${init.method} ${String(url).replace("/api/v1", "")}`;
  asked.push({ path, key: new Headers(init.headers).get("idempotency-key") });
  if (path === "POST /session" || path === "DELETE /session") return new Response(null, { status: 204 });
  if (!signedIn) return Response.json({ error: { code: "denied", message: "no" } }, { status: 401 });
  if (path === "GET /session") return Response.json({ role, channels: ["show"], expires_us: 0 });
  if (path === "GET /channels") {
    return Response.json({ channels: [{ name: "show", title: "Show", live: true, latency_ms: 3000 }] });
  }
  await new Promise<void>((release) => held.push(release));
  return Response.json(answer);
};

function open(): Studio {
  const api = new Api({ fetch: server as typeof fetch });
  return new Studio({
    api,
    socketUrl: "ws://host/ws/v1",
    memory: { read: () => undefined, write: () => {} },
  });
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", SilentSocket);
  role = "producer";
  signedIn = true;
  asked = [];
  held = [];
  answer = cue;
});

afterEach(() => {
  vi.clearAllTimers();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a producer's token leads to the channel", async () => {
  const studio = open();
  await studio.run("token", lives.signal);
  expect(studio.store.getState()).toMatchObject({ phase: "signed-in", channel: "show" });
});

test("a viewer's session is ended again, and the page says why", async () => {
  role = "viewer";
  const studio = open();
  await studio.run("token", lives.signal);
  expect(studio.store.getState()).toMatchObject({ phase: "signed-out" });
  expect(studio.store.getState().signInMessage).toMatch(/producer's token/);
  expect(asked.at(-1)?.path).toBe("DELETE /session");
});

test("nobody signed in is no fault: the sign-in page comes without a reproach", async () => {
  signedIn = false;
  const studio = open();
  await studio.run(undefined, lives.signal);
  expect(studio.store.getState()).toMatchObject({ phase: "signed-out", signInMessage: "" });
});

test("a double press is one command; the next press has a key of its own", async () => {
  const studio = open();
  await studio.run("token", lives.signal);
  const takes = () => asked.filter(({ path }) => path.endsWith("/take"));
  const first = studio.act("c1", "take");
  await studio.act("c1", "take");
  expect(takes()).toHaveLength(1);
  expect(studio.store.getState().pending.get("c1")).toBe("take");
  held.pop()?.();
  await first;
  expect(studio.store.getState().pending.size).toBe(0);
  const again = studio.act("c1", "take");
  held.pop()?.();
  await again;
  expect(new Set(takes().map(({ key }) => key)).size).toBe(2);
});

test("a session that ended leads back to the sign-in page", async () => {
  const studio = open();
  await studio.run("token", lives.signal);
  signedIn = false;
  await studio.act("c1", "take");
  expect(studio.store.getState()).toMatchObject({ phase: "signed-out", channel: undefined });
  expect(studio.store.getState().signInMessage).toMatch(/session has ended/);
});

test.each([
  ["The token is refused: token has expired.", /has expired/],
  ["This is a viewer's token. A producer's is needed.", /for viewers/],
  ["The token is refused: not a token of this server.", /not valid here/],
])("says in plain words what is wrong with a token: %s", (message, words) => {
  expect(signInProblem(new ApiError("denied", 401, message))).toMatch(words);
});

/** Waits until the server has been asked for it, and lets it go. */
async function release(path: RegExp): Promise<string> {
  await vi.waitFor(() => expect(asked.some((each) => path.test(each.path))).toBe(true));
  for (const go of held.splice(0)) go();
  return asked.find((each) => path.test(each.path))?.path ?? "";
}

test("a command about the channel is under way until the server answers", async () => {
  const studio = open();
  await studio.run("token", lives.signal);
  answer = { latency_ms: 3500, at_us: 1 };
  const changing = studio.setLatency(3500);
  expect(studio.store.getState().pending.get(CHANNEL_LATENCY)).toBe("latency");
  await release(/latency$/);
  await changing;
  expect(studio.store.getState().pending.size).toBe(0);
  expect(studio.store.getState().notices.at(-1)?.text).toMatch(/becomes 3\.5.s/u);
});

test("the recordings are read on entering, and again when the event has ended", async () => {
  answer = { recordings: [] };
  const studio = open();
  await studio.run("token", lives.signal);
  await release(/^GET .*recordings$/);
  await vi.waitFor(() => expect(studio.store.getState().recordings).toEqual({ is: "listed", list: [] }));
  asked = [];
  const ending = studio.endEvent();
  await release(/^POST .*end$/);
  await release(/^GET .*recordings$/);
  await ending;
  expect(asked.map(({ path }) => path)).toEqual(["POST /channels/show/end", "GET /channels/show/recordings"]);
});

test("a list that cannot be read says so, and is no reason to leave", async () => {
  answer = { recordings: "many" };
  const studio = open();
  await studio.run("token", lives.signal);
  await release(/^GET .*recordings$/);
  await vi.waitFor(() => expect(studio.store.getState().recordings.is).toBe("failed"));
  expect(studio.store.getState().phase).toBe("signed-in");
});

test.each<[Action, ActionBody, RegExp]>([
  ["take", {}, /live edge/],
  ["take", { at_us: 1 }, /picture you saw/],
  ["take", { open_us: 1 }, /Scheduled/],
  ["take", { anyway: true }, /room clock/],
  ["move", { by_ms: -1000 }, /1.s earlier/u],
  ["move", { by_ms: 10_000 }, /10.s later/u],
  ["extend", { by_ms: 10_000 }, /10.s/u],
  ["reveal", {}, /^Revealed/],
  ["reveal", { when: "clear" }, /when every window is closed/],
])("says what %s %o came to", (action, body, words) => {
  expect(doneWords(action, body)).toMatch(words);
});

test("a viewer is banned, and the list of bans read again", async () => {
  const studio = open();
  await studio.run("token", lives.signal);
  answer = { participant: "p1", at_us: 1, closed: 1, bans: [{ participant: "p1", at_us: 1 }] };
  const banning = studio.ban("p1", { forS: 0, reason: "" });
  expect(studio.store.getState().pending.get(participantKey("p1"))).toBe("ban");
  await studio.kick("p1");
  expect(asked.filter(({ path }) => path.endsWith("/kick"))).toEqual([]);
  await release(/^POST .*\/participants\/p1\/ban$/);
  await release(/^GET .*\/bans$/);
  await banning;
  expect(studio.store.getState().bans).toEqual({ is: "listed", list: [{ participant: "p1", at_us: 1 }] });
});

test("links are shown until they are forgotten, or the channel is left", async () => {
  const studio = open();
  await studio.run("token", lives.signal);
  answer = { links: ["https://host/watch/show#link=A"] };
  const making = studio.makeLinks(1, 3600);
  expect(studio.store.getState().pending.get(CHANNEL_LINKS)).toBe("links");
  await release(/^POST .*\/links$/);
  await making;
  expect(studio.store.getState().links).toEqual(["https://host/watch/show#link=A"]);
  await studio.makeLinks(0, 0);
  expect(studio.store.getState().links).toEqual([]);
});
