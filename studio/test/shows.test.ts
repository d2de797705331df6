import { expect, test, vi } from "vitest";
import { Api, ApiError } from "../src/api.ts";
import { readShowResults, readShowsPage } from "../src/shows.ts";

const show = { id: 7, started_us: 5, last_us: 9, ended_us: 9, ended_by: "quiet", cues: 2 };
const result = {
  cue: "c1",
  kind: "poll",
  title: "Which?",
  state: "closed",
  open_us: 5,
  close_us: 9,
  options: [
    { label: "a", count: 1 },
    { label: "b", count: 0 },
  ],
  total: 1,
  complete: true,
};
const json = (value: unknown, status = 200): Response => Response.json(value, { status });
const refused = (status: number, code: string, message: string): Response =>
  json({ error: { code, message } }, status);

/** An API whose server gives this answer, and what was asked of it. */
function served(answer: (init: RequestInit) => Response | Promise<Response>) {
  const asked: string[] = [];
  const fetch = (url: unknown, init: RequestInit = {}): Promise<Response> => {
    asked.push(`${init.method} ${url}`);
    return Promise.resolve(answer(init));
  };
  return { api: new Api({ fetch: fetch as typeof globalThis.fetch }), asked };
}

const failure = async (call: Promise<unknown>): Promise<ApiError> => {
  const err = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(err).toBeInstanceOf(ApiError);
  return err as ApiError;
};

/** A download that is watched, and ended by `stop`. */
function watched() {
  const stop = new AbortController();
  const heard: number[] = [];
  const onBytes = (bytes: number): void => void heard.push(bytes);
  return { stop, heard, watch: { signal: stop.signal, onBytes } };
}

/** A body that gives these pieces and then does as `then` says. */
function pieces(texts: readonly string[], then: (c: ReadableStreamDefaultController<Uint8Array>) => void) {
  const left = texts.map((text) => new TextEncoder().encode(text));
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = left.shift();
      if (next === undefined) then(controller);
      else controller.enqueue(next);
    },
  });
}

test("lists shows a page at a time", async () => {
  const { api, asked } = served(() => json({ shows: [show], next: 7 }));
  expect(await api.shows("a/b")).toEqual({ shows: [show], next: 7 });
  await api.shows("show", 7);
  expect(asked).toEqual([
    "GET /api/v1/channels/a%2Fb/shows?limit=20",
    "GET /api/v1/channels/show/shows?limit=20&before=7",
  ]);
});

test("reads a show with its results", async () => {
  const { api, asked } = served(() => json({ show, results: [{ ...result, correct: 0 }] }));
  expect(await api.show("show", 7)).toEqual({ show, results: [{ ...result, correct: 0 }] });
  expect(asked).toEqual(["GET /api/v1/channels/show/shows/7"]);
});

test("what there never was is missing, not zero", () => {
  const { results } = readShowResults({
    show,
    results: [{ ...result, open_us: 0, close_us: 0, correct: null, note: "" }],
  });
  for (const name of ["open_us", "close_us", "correct", "note"]) expect(results[0]).not.toHaveProperty(name);
  const { ended_us: _e, ended_by: _b, ...running } = show;
  expect(readShowsPage({ shows: [running] })).toEqual({ shows: [running] });
  expect(readShowsPage({ shows: [{ ...show, ended_by: "flood" }] }).shows[0]).not.toHaveProperty("ended_by");
});

test.each([
  [null],
  [{}],
  [{ shows: {} }],
  [{ shows: [null] }],
  [{ shows: [{ ...show, id: "7" }] }],
  [{ shows: [{ ...show, started_us: 1.5 }] }],
  [{ shows: [show], next: "7" }],
])("does not take %j for a page of shows", async (answer) => {
  expect((await failure(served(() => json(answer)).api.shows("show"))).message).toMatch(/not understood/);
});

test.each([
  [{ results: [] }],
  [{ show }],
  [{ show, results: [{ ...result, options: [{ label: "a" }] }] }],
  [{ show, results: [{ ...result, title: 5 }] }],
  [{ show, results: [{ ...result, total: null }] }],
])("does not take %j for a show's results", async (answer) => {
  expect((await failure(served(() => json(answer)).api.show("show", 7))).message).toMatch(/not understood/);
});

test("gives the server's words where it keeps nothing, and where it cannot read", async () => {
  const words = "This server keeps no results.";
  const off = await failure(served(() => refused(404, "no_history", words)).api.shows("show"));
  expect(off).toMatchObject({ code: "no_history", status: 404, message: words });
  const away = await failure(served(() => new Response("", { status: 503 })).api.show("show", 7));
  expect(away.message).toMatch(/busy/);
});

test("downloads a show to its last byte, and says how far it is", async () => {
  const { api, asked } = served(
    () =>
      new Response(
        pieces(["cue,", "choice\n"], (c) => c.close()),
        { headers: { "content-type": "text/csv" } },
      ),
  );
  const { watch, heard } = watched();
  const file = await api.exportShow("show", 7, "csv", watch);
  expect(await file.text()).toBe("cue,choice\n");
  expect(file.type).toBe("text/csv");
  expect(heard).toEqual([4, 11]);
  expect(asked).toEqual(["GET /api/v1/channels/show/shows/7/export?format=csv"]);
});

test("a refused download says why, in the server's words", async () => {
  const { api } = served(() => refused(429, "busy", "Two exports are being made."));
  const err = await failure(api.exportShow("show", 7, "json", watched().watch));
  expect(err).toMatchObject({ code: "busy", message: "Two exports are being made." });
});

test("half a file is none", async () => {
  const { api } = served(
    () => new Response(pieces(["half"], (c) => c.error(new TypeError("network error")))),
  );
  const err = await failure(api.exportShow("show", 7, "csv", watched().watch));
  expect(err).toMatchObject({ code: "cut", status: 0 });
  expect(err.message).toMatch(/broke off/);
});

/** Answers when the request is aborted, as fetch does, and never else. */
const silent = (init: RequestInit): Promise<Response> =>
  new Promise((_, reject) => {
    init.signal?.addEventListener("abort", () => reject(init.signal?.reason));
  });

test("a download may take its time, but not without a byte for half a minute", async () => {
  vi.useFakeTimers();
  try {
    let push: (text: string) => void = () => {};
    const { api } = served(({ signal }) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          push = (text) => controller.enqueue(new TextEncoder().encode(text));
          signal?.addEventListener("abort", () => controller.error(signal.reason));
        },
      });
      return new Response(body);
    });
    const { watch, heard } = watched();
    const failed = failure(api.exportShow("show", 7, "csv", watch));
    for (let i = 0; i < 3; i++) {
      await vi.advanceTimersByTimeAsync(29_000);
      push("x");
    }
    await vi.advanceTimersByTimeAsync(29_000);
    expect(heard).toEqual([1, 2, 3]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect((await failed).code).toBe("cut");
  } finally {
    vi.useRealTimers();
  }
});

test("a download that never begins is given up too", async () => {
  vi.useFakeTimers();
  try {
    const failed = failure(served(silent).api.exportShow("show", 7, "csv", watched().watch));
    await vi.advanceTimersByTimeAsync(30_000);
    expect((await failed).code).toBe("timeout");
  } finally {
    vi.useRealTimers();
  }
});

test("a download ends when nobody wants it any more", async () => {
  const { stop, watch } = watched();
  const failed = failure(served(silent).api.exportShow("show", 7, "csv", watch));
  stop.abort();
  expect((await failed).status).toBe(0);
});
