import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Detour } from "../src/core/detour.ts";
import { Ends, FarEnd } from "./far-end.ts";

const HOME = "wss://live.example.com/ws/v1";
const OTHER = "https://node2.example.com:8443";

describe("CN10 a server that is trusted", () => {
  test.each([
    ["a trusted one", OTHER, "wss://node2.example.com:8443/ws/v1"],
    ["with a path, which counts for nothing", `${OTHER}/evil`, "wss://node2.example.com:8443/ws/v1"],
    ["another port", "https://node2.example.com", HOME],
    ["another host", "https://evil.example", HOME],
    ["a name in front", "https://node2.example.com:8443@evil.example", HOME],
    ["no longer private", "http://node2.example.com:8443", HOME],
    ["another scheme", "javascript:alert(1)", HOME],
    ["no address", "node2", HOME],
    ["nothing", undefined, HOME],
  ])("%s", (_, to, url) => {
    const detour = new Detour(HOME, [`${OTHER}/`, "http://node2.example.com:8443"]);
    detour.ended({ welcomed: true, to });
    expect(detour.url).toBe(url);
  });
  test("nobody by default", () => {
    const detour = new Detour(HOME);
    detour.ended({ welcomed: true, to: "https://live.example.com" });
    expect(detour.url).toBe(HOME);
  });
  test("from a port to none", () => {
    const detour = new Detour("ws://localhost:8080/ws/v1", ["http://node2"]);
    detour.ended({ welcomed: false, to: "http://node2" });
    expect(detour.url).toBe("ws://node2/ws/v1");
  });
});

describe("CN10 going there", () => {
  let ends: Ends;
  let urls: string[];

  beforeEach(() => {
    ends = new Ends();
    urls = [];
  });
  afterEach(() => ends.done());

  const connect = () =>
    ends.connect({
      url: HOME,
      trust: [OTHER],
      open: (url, offered) => {
        expect(new URL(url).search).toBe("?channel=show");
        urls.push(url.replace(/\?.*/, ""));
        const end = new FarEnd(offered);
        ends.all.push(end);
        return end;
      },
    });
  const away = `wss://node2.example.com:8443/ws/v1`;
  const leave = async (code: number): Promise<void> => {
    ends.last.say({ t: "bye", code, reason: "server is full", reconnect: true, try: OTHER });
    ends.last.end(code);
    await vi.advanceTimersByTimeAsync(1000);
  };

  test("and staying there", async () => {
    connect();
    ends.last.welcome({ epoch: "E1", offset: 7 });
    await leave(4000);
    expect(urls).toEqual([HOME, away]);
    ends.last.open();
    expect(ends.last.messages).toMatchObject([
      { t: "hello", resume: { epoch: "E1", offset: 7 }, token: "t1" },
    ]);
    ends.last.welcome();
    ends.last.end(1006);
    await vi.advanceTimersByTimeAsync(1000);
    expect(urls).toEqual([HOME, away, away]);
  });
  test("and home again if nobody opens", async () => {
    connect();
    await leave(4003);
    ends.last.end(1006);
    await vi.advanceTimersByTimeAsync(2000);
    expect(urls).toEqual([HOME, away, HOME]);
  });
});
