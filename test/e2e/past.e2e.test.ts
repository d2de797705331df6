/**
 * After the show: a producer finds it in the studio, reads its results and
 * takes them home. The real binary keeps the history; the answers are those of
 * participants that it admitted.
 */
import { readFile } from "node:fs/promises";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launch } from "./browser.ts";
import { CHANNEL, onAir, type Server, startServer } from "./server.ts";
import { type Source, startSource } from "./source.ts";

const PATIENCE = { timeout: 20_000, interval: 100 };

interface Kept {
  readonly id: string;
  readonly state: string;
}

interface Participant {
  readonly participant: string;
  readonly token: string;
}

let server: Server;
let bare: Server;
let source: Source;
let browser: Browser;
const faults: string[] = [];

beforeAll(async () => {
  const channels = `channels:\n  ${CHANNEL}:\n    latency: 3s\n`;
  [server, bare] = [await startServer(`history: true\n${channels}`), await startServer(channels)];
  browser = await launch();
  source = startSource({ url: server.rtmp, format: "flv" });
  await onAir(server);
});

afterAll(async () => {
  await browser?.close();
  await source?.stop();
  expect(await bare?.stop(), bare?.log()).toBe(0);
  expect(await server?.stop(), server?.log()).toBe(0);
});

async function call<T>(method: string, path: string, body?: object, token = server.token): Promise<T> {
  const answer = await fetch(`${server.web}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === "" ? {} : JSON.parse(text)) as T;
}

/** Takes a question, has everybody answer it, closes and reveals it. Choices are those of `people`, in their order. */
async function ask(question: object, people: readonly Participant[], choices: readonly number[]) {
  const base = `/channels/${CHANNEL}/cues`;
  const { id } = await call<Kept>("POST", base, { window_ms: 30_000, ...question });
  const state = async (): Promise<string | undefined> =>
    (await call<{ cues: Kept[] }>("GET", base)).cues.find((cue) => cue.id === id)?.state;
  await call("POST", `${base}/${id}/take`, {});
  await expect.poll(state, PATIENCE).toBe("open");
  for (const [i, choice] of choices.entries()) {
    const answer = { id: `a${i}`, rev: 1, choice: [choice] };
    await expect
      .poll(
        () =>
          call("POST", `/cues/${id}/answers`, answer, people[i]?.token).then(
            () => "counted",
            (err: Error) => err.message,
          ),
        PATIENCE,
      )
      .toBe("counted");
  }
  await call("POST", `${base}/${id}/close`, {});
  await expect.poll(state, PATIENCE).toBe("closed");
  const reveal = () =>
    call("POST", `${base}/${id}/reveal`, {}).then(
      () => "revealed",
      (err: Error) => err.message,
    );
  await expect.poll(reveal, PATIENCE).toBe("revealed");
  return id;
}

async function studio(at: Server, width = 1280): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 844 }, acceptDownloads: true });
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("console", (line) => {
    if (line.text().includes("Content Security Policy")) faults.push(line.text());
  });
  await page.goto(at.signIn);
  return page;
}

/** What has the focus: test ids from the page inwards. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(() => {
    let at = document.activeElement;
    while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
    return at instanceof HTMLElement ? (at.dataset["testid"] ?? at.localName) : "";
  });

/** Counts, shares and total of a question as they stand there. */
async function figures(question: Locator): Promise<string[]> {
  const counts = question.locator('[data-testid^="tally-count-"]');
  const total = question.getByTestId("tally-total");
  return [...(await counts.allTextContents()), (await total.textContent()) ?? ""];
}

/** Opens the dialog until the list has what is looked for: the history is written after the fact. */
async function list(page: Page, wanted: RegExp): Promise<void> {
  const dialog = page.getByTestId("past-shows");
  const look = async (): Promise<string> => {
    if (await dialog.isVisible()) await page.keyboard.press("Escape");
    await page.getByTestId("past-shows-button").click();
    await dialog.locator("[data-show], .empty").first().waitFor();
    return (await dialog.locator(".body").textContent()) ?? "";
  };
  await expect.poll(look, { timeout: 30_000, interval: 500 }).toMatch(wanted);
}

async function saved(page: Page, button: string): Promise<{ name: string; text: string }> {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByTestId(button).click()]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
}

test("a show that ran is listed, its results are right, and its answers can be taken home", async () => {
  const people: Participant[] = [];
  for (let i = 0; i < 4; i++) people.push(await call("POST", `/channels/${CHANNEL}/participants`, {}));
  const trivia = await ask(
    { kind: "trivia", title: "Which is the right one?", options: ["This", "That"], correct: 1 },
    people,
    [1, 1, 0, 1],
  );
  const poll = await ask(
    { kind: "poll", title: "Left or right?", options: ["=Left", "Right", "Neither"] },
    people,
    [0, 1],
  );

  const page = await studio(server);
  await list(page, /2 questions/);
  const dialog = page.getByTestId("past-shows");
  expect(await dialog.textContent(), "nobody has ended it").toContain("On air now");
  await call("POST", `/channels/${CHANNEL}/end`, {});
  await list(page, /\d\s(s|min).*2 questions/su);
  expect(await dialog.textContent()).not.toContain("On air now");

  await page.keyboard.press("Tab");
  await page.getByTestId("show-1").focus();
  await page.keyboard.press("Enter");
  const first = dialog.getByTestId(`past-cue-${trivia}`);
  await first.waitFor();
  expect(await figures(first)).toEqual(["1", "3", "4"]);
  expect(await first.getByRole("listitem").nth(1).textContent()).toMatch(/That.*right answer.*75\s*%/su);
  const second = dialog.getByTestId(`past-cue-${poll}`);
  expect(await figures(second)).toEqual(["1", "1", "0", "2"]);
  expect(await second.textContent()).not.toContain("right answer");
  // Keys belong to the dialog, wherever in it somebody has clicked.
  await first.getByRole("heading").click();
  await page.keyboard.press("n");
  expect(await page.getByTestId("form-save").isVisible()).toBe(false);

  const csv = await saved(page, "download-csv");
  expect(csv.name).toMatch(new RegExp(`^${CHANNEL}-\\d{4}-\\d\\d-\\d\\d-show-1\\.csv$`));
  const lines = csv.text.trim().split("\n");
  const heading = lines[0]?.trim().split(",") ?? [];
  const answers = lines.slice(1).map((line) => {
    const cells = line.trim().split(",");
    return ["cue", "participant", "label"].map((name) => cells[heading.indexOf(name)]).join(" ");
  });
  const given = (cue: string, labels: readonly string[]): string[] =>
    labels.map((label, i) => `${cue} ${people[i]?.participant} ${label}`);
  expect(answers.sort()).toEqual(
    [...given(trivia, ["That", "That", "This", "That"]), ...given(poll, ["'=Left", "Right"])].sort(),
  );
  await dialog.getByText("Downloaded.").waitFor();
  const whole = JSON.parse((await saved(page, "download-json")).text) as { cues: { answers: object[] }[] };
  expect(whole.cues.map((cue) => cue.answers.length)).toEqual([4, 2]);

  await page.getByTestId("all-shows").click();
  await expect.poll(() => focused(page), PATIENCE).toBe("show-1");
  await page.keyboard.press("Escape");
  await expect.poll(() => focused(page), PATIENCE).toBe("past-shows-button");
  expect(faults).toEqual([]);
});

test("a failure is said in words, and trying again helps; what takes long says so", async () => {
  const page = await studio(server);
  const dialog = page.getByTestId("past-shows");
  const shows = "**/shows?*";
  await page.route(shows, (route) => route.abort());
  await page.getByTestId("past-shows-button").click();
  await dialog.getByText("cannot be reached").waitFor();
  await page.unroute(shows);
  let go: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  await page.route(shows, (route) => held.then(() => route.continue()));
  await page.getByTestId("try-again").click();
  await dialog.getByText("Reading the shows").waitFor();
  expect(await focused(page), "the button is gone, the keys are not").toBe("h2");
  go();
  await dialog.locator("[data-show], .empty").first().waitFor();
  expect(faults).toEqual([]);
});

test("a server without a history says what to set", async () => {
  const page = await studio(bare, 390);
  await page.getByTestId("past-shows-button").click();
  await expect
    .poll(() => page.getByTestId("no-history").textContent(), PATIENCE)
    .toMatch(/history: true.*postgres\.dsn_file/s);
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(overflow, "px beyond a phone's screen").toBe(0);
});
