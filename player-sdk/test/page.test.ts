import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AnswerMessage } from "../src/core/index.ts";
import { onLeave, onWake, storedAnswers } from "../src/player/browser.ts";

/** As much of a page as these functions look at. */
class FakePage extends EventTarget {
  visibilityState = "visible";

  turn(visibility: "visible" | "hidden"): void {
    this.visibilityState = visibility;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** What a browser tells of its network. */
class FakeNetwork extends EventTarget {
  type: string | undefined = "wifi";
  effectiveType = "4g";

  become(type: string | undefined, effectiveType = this.effectiveType): void {
    Object.assign(this, { type, effectiveType });
    this.dispatchEvent(new Event("change"));
  }
}

let page: FakePage;
let shop: EventTarget;
let network: FakeNetwork;
let stop: AbortController;

beforeEach(() => {
  page = new FakePage();
  shop = new EventTarget();
  network = new FakeNetwork();
  stop = new AbortController();
  vi.stubGlobal("document", page);
  vi.stubGlobal("window", shop);
  vi.stubGlobal("navigator", { connection: network });
});

afterEach(() => vi.unstubAllGlobals());

describe("CN9 what wakes a connection", () => {
  test.each([
    ["the page is seen again", () => page.turn("visible"), ["page"]],
    ["the page is hidden", () => page.turn("hidden"), []],
    ["the page was frozen", () => page.dispatchEvent(new Event("resume")), ["page"]],
    ["the page comes out of the cache", () => shop.dispatchEvent(new Event("pageshow")), ["page"]],
    ["the network is back", () => shop.dispatchEvent(new Event("online")), ["network"]],
    ["the network is gone", () => shop.dispatchEvent(new Event("offline")), ["network"]],
    ["the network is another one", () => network.become("cellular"), ["network"]],
    ["the network is slower", () => network.become("wifi", "2g"), ["page"]],
    ["the network is said to be what it was", () => network.become("wifi"), []],
  ])("%s", (_, happen, want) => {
    const woken: string[] = [];
    onWake((why) => woken.push(why), stop.signal);
    happen();
    expect(woken).toEqual(want);
    stop.abort();
    happen();
    expect(woken).toEqual(want);
  });
  test("a browser that tells nothing of its network is none the worse", () => {
    vi.stubGlobal("navigator", {});
    expect(() => onWake(() => undefined, stop.signal)).not.toThrow();
  });
});

test("SP1 a page that leaves says how", () => {
  const left: string[] = [];
  onLeave((how) => left.push(how), stop.signal);
  page.turn("visible");
  page.turn("hidden");
  shop.dispatchEvent(new Event("pagehide"));
  expect(left).toEqual(["hidden", "closed"]);
});

describe("AN1 what a tab keeps", () => {
  const answer = (n: number): AnswerMessage => ({ t: "answer", id: `a${n}`, cue: "c1", rev: 1, choice: [n] });
  const key = "cuelight.answers.show";
  let storage: Map<string, string>;

  beforeEach(() => {
    storage = new Map();
    vi.stubGlobal("sessionStorage", {
      getItem: (name: string) => storage.get(name) ?? null,
      setItem: (name: string, value: string) => void storage.set(name, value),
      removeItem: (name: string) => void storage.delete(name),
    });
  });

  test("the last eight answers, by channel", () => {
    const kept = storedAnswers();
    kept.write(
      "show",
      Array.from({ length: 10 }, (_, n) => answer(n)),
    );
    expect(kept.read("show").map((a) => a.id)).toEqual(["a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"]);
    expect(kept.read("other")).toEqual([]);
    kept.write("show", []);
    expect(storage.size).toBe(0);
  });
  test.each(["", "hello", '{"t":"hello","v":1,"channel":"show"}', '{"t":"answer","id":4}'])(
    "not %o",
    (text) => {
      storage.set(key, text);
      expect(storedAnswers().read("show")).toEqual([]);
    },
  );
  test("nothing where storage is blocked, without harm", () => {
    vi.stubGlobal("sessionStorage", undefined);
    const kept = storedAnswers();
    expect(() => kept.write("show", [answer(1)])).not.toThrow();
    expect(kept.read("show")).toEqual([]);
  });
});
