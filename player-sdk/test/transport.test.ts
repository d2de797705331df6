import { describe, expect, test } from "vitest";
import { type AttemptEnd, millis, TransportChoice, type TransportSetting } from "../src/core/index.ts";

const MINUTE = 60_000;

/** How an attempt of a socket ended. */
const socket = (more: Partial<AttemptEnd> = {}): AttemptEnd => ({
  transport: "socket",
  welcomed: false,
  lasted: millis(20),
  orderly: false,
  online: true,
  ...more,
});
const stream = (welcomed: boolean): AttemptEnd =>
  socket({ transport: "stream", welcomed, lasted: millis(90_000) });

function choice(...ends: AttemptEnd[]): TransportChoice {
  const made = new TransportChoice("auto");
  for (const end of ends) made.ended(end, millis(0));
  return made;
}

describe("TP1 when the stream is taken", () => {
  test.each([
    ["nothing has failed", [], "socket"],
    ["one failure", [socket()], "socket"],
    ["two in a row", [socket(), socket()], "stream"],
    ["two that broke within 5 s", Array(2).fill(socket({ welcomed: true, lasted: millis(4900) })), "stream"],
    ["two that were open and silent", Array(2).fill(socket({ lasted: millis(10_500) })), "stream"],
    ["one failure between sockets that lasted", [socket(), lasting(), socket()], "socket"],
    [
      "a server that is away, where a socket worked before",
      [lasting(), socket(), socket(), socket()],
      "socket",
    ],
    ["a server that sends away", [socket({ orderly: true }), socket({ orderly: true })], "socket"],
    ["no network at all", Array(5).fill(socket({ online: false })), "socket"],
    ["a stream that brings nothing either", [socket(), socket(), stream(false)], "socket"],
    ["a stream that works", [socket(), socket(), stream(true)], "stream"],
  ] as const)("%s: %#", (_, ends, want) => {
    expect(choice(...ends).next(millis(1))).toBe(want);
  });

  test.each(["socket", "stream"] as const)(
    "who asks for the %s gets it, whatever fails",
    (setting: TransportSetting) => {
      const made = new TransportChoice(setting);
      for (let i = 0; i < 5; i++)
        made.ended({ ...socket(), transport: setting as "socket" | "stream" }, millis(0));
      expect(made.next(millis(1e9))).toBe(setting);
      expect(made.due(millis(1e9))).toBe(false);
    },
  );
});

describe("TP2 back to the socket", () => {
  test("after 3 minutes, then 6, 12, 24 and 30, one failure each", () => {
    const made = choice(socket(), socket());
    let now = 0;
    for (const minutes of [3, 6, 12, 24, 30, 30]) {
      expect(made.due(millis(now + minutes * MINUTE - 1))).toBe(false);
      now += minutes * MINUTE;
      expect(made.due(millis(now))).toBe(true);
      expect(made.next(millis(now))).toBe("socket");
      made.ended(socket(), millis(now));
      expect(made.next(millis(now))).toBe("stream");
    }
  });
  test("for good once it lasts", () => {
    const made = choice(socket(), socket());
    made.ended(lasting(), millis(3 * MINUTE));
    expect(made.next(millis(3 * MINUTE))).toBe("socket");
    expect(made.due(millis(1e9))).toBe(false);
  });
  test("at once in another network, with one chance there", () => {
    const made = choice(socket(), socket());
    made.networkChanged(millis(1000));
    expect(made.due(millis(1000))).toBe(true);
    made.ended(socket(), millis(1100));
    expect(made.next(millis(1100))).toBe("stream");
  });
  test("what worked in one network proves nothing in another", () => {
    const made = choice(lasting());
    made.networkChanged(millis(0));
    made.ended(socket(), millis(0));
    made.ended(socket(), millis(0));
    expect(made.next(millis(0))).toBe("stream");
  });
});

function lasting(): AttemptEnd {
  return socket({ welcomed: true, lasted: millis(5000) });
}
