import { expect, test } from "vitest";
import { ApiError } from "../src/api.ts";
import { Archive, type ArchivePorts, type ArchiveState } from "../src/archive.ts";
import type { DownloadWatch } from "../src/download.ts";
import type { Show } from "../src/shows.ts";
import { StudioStore } from "../src/store.ts";

const show = (id: number): Show => ({ id, started_us: id, last_us: id, ended_us: id, cues: 0 });

/** One question to the server, answered when the test says so. */
interface Question {
  readonly what: string;
  readonly watch?: DownloadWatch;
  answer(value: unknown): void;
  fail(err: unknown): void;
}

/** An archive whose server is the test. */
function archived() {
  const store = new StudioStore();
  store.dispatch({ type: "channel", name: "show" });
  const asked: Question[] = [];
  const faults: unknown[] = [];
  const visit = new AbortController();
  const ask = <T>(what: string, watch?: DownloadWatch): Promise<T> =>
    new Promise((resolve, reject) => {
      const question = { what, answer: (value: unknown) => resolve(value as T), fail: reject };
      asked.push(watch === undefined ? question : { ...question, watch });
    });
  const api: ArchivePorts["api"] = {
    shows: (channel, before) => ask(`${channel} shows ${before ?? "newest"}`),
    show: (channel, id) => ask(`${channel} show ${id}`),
    exportShow: (channel, id, format, watch) => ask(`${channel} ${format} ${id}`, watch),
  };
  const archive = new Archive({
    api,
    store,
    visit: () => visit.signal,
    failed: (err) => void faults.push(err),
  });
  const state = (): ArchiveState => store.getState().archive;
  const next = (): Question => {
    const question = asked.shift();
    if (question === undefined) throw new Error("nothing was asked");
    return question;
  };
  return { archive, state, next, asked, faults, visit, store };
}

type Archived = ReturnType<typeof archived>;

/** Lists shows 9 and 8, with older ones behind. */
async function listed({ archive, next }: Archived): Promise<void> {
  const reading = archive.list();
  next().answer({ shows: [show(9), show(8)], next: 8 });
  await reading;
}

/** Looks at a show without questions. */
async function looked({ archive, next }: Archived, id: number): Promise<void> {
  const reading = archive.open(id);
  next().answer({ show: show(id), results: [] });
  await reading;
}

test("lists the newest shows, then older ones behind them, to the end", async () => {
  const it = archived();
  await listed(it);
  expect(it.state().list).toMatchObject({ is: "listed", next: 8, more: "idle" });
  const more = it.archive.more();
  expect(it.state().list).toMatchObject({ more: "reading" });
  await it.archive.more();
  const question = it.next();
  expect(question.what).toBe("show shows 8");
  expect(it.asked).toEqual([]);
  question.answer({ shows: [show(3)] });
  await more;
  expect(it.state().list).toEqual({ is: "listed", more: "idle", shows: [show(9), show(8), show(3)] });
  await it.archive.more();
  expect(it.asked).toEqual([]);
});

test("older shows that do not come leave the others on screen, and can be asked for again", async () => {
  const it = archived();
  await listed(it);
  const more = it.archive.more();
  it.next().fail(new ApiError("unavailable", 503, "the history cannot be read"));
  await more;
  expect(it.state().list).toMatchObject({
    is: "listed",
    shows: [show(9), show(8)],
    next: 8,
    more: { message: "The history cannot be read." },
  });
  const again = it.archive.more();
  it.next().answer({ shows: [show(3)] });
  await again;
  expect(it.state().list).toMatchObject({ more: "idle", shows: [show(9), show(8), show(3)] });
});

test("an older page does not come behind a list that was read again", async () => {
  const it = archived();
  await listed(it);
  const more = it.archive.more();
  const older = it.next();
  const again = it.archive.list();
  it.next().answer({ shows: [show(10), show(9)], next: 9 });
  await again;
  older.answer({ shows: [show(3)] });
  await more;
  expect(it.state().list).toMatchObject({ shows: [show(10), show(9)], next: 9 });
});

test("a server without a history is no failure: its words say what to set", async () => {
  const it = archived();
  const reading = it.archive.list();
  it.next().fail(new ApiError("no_history", 404, "Set history: true"));
  await reading;
  expect(it.state().list).toEqual({ is: "none", message: "Set history: true." });
});

test("a list that cannot be read says why; trying again begins anew", async () => {
  const it = archived();
  const reading = it.archive.list();
  const err = new ApiError("unavailable", 503, "The database is away.");
  it.next().fail(err);
  await reading;
  expect(it.state().list).toEqual({ is: "failed", message: "The database is away." });
  expect(it.faults).toEqual([err]);
  const again = it.archive.list();
  expect(it.state().list).toEqual({ is: "unknown" });
  it.next().answer({ shows: [] });
  await again;
  expect(it.state().list).toEqual({ is: "listed", more: "idle", shows: [] });
});

test("the show that was chosen last is the one that is shown", async () => {
  const it = archived();
  const first = it.archive.open(9);
  const slow = it.next();
  it.archive.back();
  await looked(it, 8);
  slow.answer({ show: show(9), results: [] });
  await first;
  expect(it.state().opened).toMatchObject({ is: "read", id: 8 });
});

test("a show that is read again stays on screen meanwhile", async () => {
  const it = archived();
  await looked(it, 8);
  const again = it.archive.open(8);
  expect(it.state().opened?.is).toBe("read");
  it.next().answer({ show: { ...show(8), cues: 1 }, results: [] });
  await again;
  expect(it.state().opened).toMatchObject({ show: { cues: 1 } });
});

test("one download at a time; it says how far it is, and gives the file", async () => {
  const it = archived();
  await looked(it, 8);
  const saving = it.archive.save("csv");
  expect(await it.archive.save("json")).toBeUndefined();
  const question = it.next();
  expect(question.what).toBe("show csv 8");
  for (const bytes of [64_000, 260_000, 300_000]) question.watch?.onBytes(bytes);
  expect(it.state().saving, "not at every byte").toEqual({ is: "reading", format: "csv", bytes: 260_000 });
  const file = new Blob(["x"]);
  question.answer(file);
  expect(await saving).toBe(file);
  expect(it.state().saving).toEqual({ is: "saved", format: "csv" });
});

test("a download that fails gives no file and says why", async () => {
  const it = archived();
  await looked(it, 8);
  const saving = it.archive.save("json");
  it.next().fail(new ApiError("offline", 0, "The server cannot be reached."));
  expect(await saving).toBeUndefined();
  expect(it.state().saving).toEqual({
    is: "failed",
    format: "json",
    message: "The server cannot be reached.",
  });
});

test("a download ends when its show is left, and nothing of it is kept or said", async () => {
  const it = archived();
  await looked(it, 8);
  const saving = it.archive.save("csv");
  const { watch, answer } = it.next();
  it.archive.back();
  expect(watch?.signal.aborted).toBe(true);
  answer(new Blob(["x"]));
  expect(await saving).toBeUndefined();
  expect(it.state().saving).toEqual({ is: "idle" });
});

test("what was asked in a channel that was left changes nothing", async () => {
  const it = archived();
  const reading = it.archive.list();
  it.visit.abort();
  it.store.dispatch({ type: "channel", name: "other" });
  it.next().answer({ shows: [show(9)] });
  await reading;
  expect(it.state().list).toEqual({ is: "unknown" });
});

test("a list is forgotten with its channel", async () => {
  const it = archived();
  await listed(it);
  it.store.dispatch({ type: "channel", name: "other" });
  expect(it.state()).toEqual({ list: { is: "unknown" }, opened: undefined, saving: { is: "idle" } });
});
