import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  decodeClient,
  decodePing,
  decodePong,
  decodeServer,
  encodeClient,
  encodePing,
  encodePong,
  encodeServer,
  jsonCodec,
  micros,
  millis,
  ShapeError,
  sendDelay,
  UnknownTypeError,
} from "../src/core/index.ts";
import { msgpackCodec, packServer, unpackClient } from "../src/core/msgpack.ts";
import { mulberry } from "./random.ts";

const folder = (side: "client" | "server"): URL =>
  new URL(`../../interact/wire/testdata/${side}/`, import.meta.url);

/** The offset of an example; 0 for none. */
const offsetOf = (json: string): number => (JSON.parse(json) as { off?: number }).off ?? 0;

const examples = (side: "client" | "server"): [string, string][] => {
  const files = readdirSync(folder(side)).filter((name) => name.endsWith(".json"));
  return files.map((name) => [name, readFileSync(new URL(name, folder(side)), "utf8").trim()]);
};

/** The same example in MessagePack. */
function packed(side: "client" | "server", name: string): ArrayBuffer {
  const hex = readFileSync(new URL(name.replace(".json", ".hex"), folder(side)), "utf8").trim();
  return Uint8Array.from(Buffer.from(hex, "hex")).buffer;
}

describe("W1 every example is read and written back byte for byte", () => {
  test("there are examples of both sides", () => {
    expect(examples("client").length).toBeGreaterThanOrEqual(8);
    expect(examples("server").length).toBeGreaterThanOrEqual(17);
  });
  test.each(examples("client"))("client/%s", (_, json) => {
    expect(encodeClient(decodeClient(json))).toBe(json);
  });
  test.each(examples("server"))("server/%s", (_, json) => {
    expect(encodeServer(decodeServer(json), offsetOf(json))).toBe(json);
  });
  test.each(examples("client"))("client/%s in MessagePack", (name, json) => {
    const frame = packed("client", name);
    expect(unpackClient(frame)).toEqual(decodeClient(json));
    const written = msgpackCodec.encode(decodeClient(json)) as ArrayBuffer;
    expect(Buffer.from(written).toString("hex")).toBe(Buffer.from(frame).toString("hex"));
  });
  test.each(examples("server"))("server/%s in MessagePack", (name, json) => {
    const frame = packed("server", name);
    const { message, offset } = msgpackCodec.decode(frame);
    expect({ message, offset }).toEqual(jsonCodec.decode(json));
    expect(Buffer.from(packServer(message, offset)).toString("hex")).toBe(Buffer.from(frame).toString("hex"));
  });
  test("whatever order the fields of a literal have", () => {
    const json = encodeClient({
      disp_us: micros(0),
      choice: [0],
      rev: 2,
      cue: "c1",
      id: "a7f4",
      t: "answer",
    });
    expect(json).toBe('{"t":"answer","id":"a7f4","cue":"c1","rev":2,"choice":[0]}');
  });
});

describe("W9 MessagePack that is none", () => {
  const bytes = (...b: number[]): ArrayBuffer => Uint8Array.from(b).buffer;
  test.each([
    ["nothing", bytes(), /not MessagePack/],
    ["half a map", bytes(0x82, 0xa1, 0x74), /not MessagePack/],
    [
      "a list that says it has four thousand million items",
      bytes(0xdd, 255, 255, 255, 255),
      /not MessagePack/,
    ],
    ["a text that says it is as long", bytes(0xdb, 255, 255, 255, 255), /not MessagePack/],
    ["two values", bytes(0x80, 0x80), /not MessagePack/],
    ["a number", bytes(0x07), /7 is not an object/],
    ["bytes for a text", bytes(0x81, 0xa1, 0x74, 0xc4, 0x01, 0x61), /not MessagePack/],
    ["a type nobody has", bytes(0x81, 0xa1, 0x74, 0xa1, 0x78), /unknown type x/],
  ])("%s", (_, frame, message) => {
    expect(() => msgpackCodec.decode(frame)).toThrow(ShapeError);
    expect(() => msgpackCodec.decode(frame)).toThrow(message);
  });
  test("whatever bytes come, it is a message or a ShapeError", () => {
    const random = mulberry(11);
    const frames = examples("server").map(([name]) => new Uint8Array(packed("server", name)));
    let read = 0;
    for (let run = 0; run < 4000; run++) {
      const frame = Uint8Array.from(frames[run % frames.length] ?? []);
      for (let flips = 1 + random() * 3; flips > 0; flips--) {
        frame[Math.floor(random() * frame.length)] = Math.floor(random() * 256);
      }
      const cut = random() < 0.2 ? Math.floor(random() * frame.length) : frame.length;
      try {
        msgpackCodec.decode(frame.slice(0, cut).buffer);
        read++;
      } catch (cause) {
        expect(cause).toBeInstanceOf(ShapeError);
      }
    }
    expect(read).toBeGreaterThan(100);
    expect(read).toBeLessThan(3500);
  });
  test("a frame of the other kind is refused by both", () => {
    expect(() => msgpackCodec.decode("{}")).toThrow(ShapeError);
    expect(() => jsonCodec.decode(bytes(0x80))).toThrow(ShapeError);
  });
  test("an offset that is no whole number is refused", () => {
    expect(() => jsonCodec.decode('{"t":"removed","cue":"c","off":1.5}')).toThrow(/message\.off/);
  });
});

describe("IN9 a participant's delay", () => {
  const file = new URL("../../interact/wire/testdata/spread.json", import.meta.url);
  const list = JSON.parse(readFileSync(file, "utf8")) as {
    readonly cue: string;
    readonly participant: string;
    readonly spread_ms: number;
    readonly delay_ms: number;
  }[];
  test("there are examples", () => expect(list.length).toBeGreaterThan(8));
  test.each(list)("$participant in $cue over $spread_ms ms: $delay_ms ms", (example) => {
    const delay = sendDelay(example.cue, example.participant, millis(example.spread_ms));
    expect(delay).toBe(example.delay_ms);
  });
});

/** The example of a channel's health, with other values. */
const health = (change: object): string => {
  const json = new Map(examples("server")).get("health.json") ?? "{}";
  return JSON.stringify({ ...JSON.parse(json), ...change });
};

describe("what is refused", () => {
  test.each([
    ["W2 no type", '{"v":1}', /message\.t: missing/],
    ["W2 a type of the other side", '{"t":"hello","v":1,"channel":"show"}', /unknown type hello/],
    ["W2 a type nobody has", '{"t":"shrug"}', /unknown type shrug/],
    ["W2 a name of Object.prototype", '{"t":"toString"}', /unknown type toString/],
    ["W3 not JSON", "hello", /is not JSON/],
    ["W3 empty", "", /is not JSON/],
    ["W3 an array", "[1]", /is not an object/],
    ["W3 a field of the wrong kind", '{"t":"removed","cue":4}', /removed\.cue: 4 is not a string/],
    ["W3 a fraction where a count belongs", '{"t":"presence","viewers":0.5}', /presence\.viewers/],
    [
      "W3 a state nobody has",
      '{"t":"cue","cue":{"id":"c","rev":1,"kind":"poll","policy":"","state":"x"}}',
      /state/,
    ],
    [
      "W3 a point that is not a pair",
      '{"t":"timeline","epoch":1,"rev":1,"state":"lost","scale":1,"points":[[1]]}',
      /points\[0\]/,
    ],
    ["W3 a share that is a word", health({ loss: "high" }), /health\.loss: "high" is not a number/],
    ["W3 half a bit", health({ bitrates: [1, 0.5] }), /health\.bitrates\[1\]/],
    ["W3 a rendition without a name", health({ renditions: [{ codec: "H.264" }] }), /renditions\[0\]\.name/],
    ["W3 a ladder that is a list", health({ ladder: [] }), /health\.ladder: \[\] is not an object/],
    ["W3 advice that is one string", health({ advice: "restart" }), /health\.advice/],
  ])("%s", (_, json, message) => {
    expect(() => decodeServer(json)).toThrow(ShapeError);
    expect(() => decodeServer(json)).toThrow(message);
  });

  test("W2 only an unknown type is an UnknownTypeError", () => {
    expect(() => decodeServer('{"t":"shrug"}')).toThrow(UnknownTypeError);
    expect(() => decodeServer('{"t":"removed"}')).not.toThrow(UnknownTypeError);
  });

  test("W2 fields nobody knows are ignored", () => {
    expect(decodeServer('{"t":"removed","cue":"c2","colour":"red"}')).toEqual({ t: "removed", cue: "c2" });
  });

  test("W3 a list that Go never made is empty", () => {
    const json = '{"t":"tally","cue":"c","ver":1,"counts":null,"total":0}';
    expect(decodeServer(json)).toEqual({ t: "tally", cue: "c", ver: 1, counts: [], total: 0 });
  });
});

describe("W6 clock frames", () => {
  const pingHex = "010203" + "40fe240ccccccccd";
  const pongHex = "020203" + "40fe240ccccccccd" + "000660ea77788d40" + "000660ea77788d47" + "00000007";
  const ping = { seq: 0x0203, sentAt: millis(123456.8) };
  const pong = {
    ...ping,
    received: micros(1795410003266880),
    replied: micros(1795410003266887),
    clockEpoch: 7,
  };
  const hex = (frame: ArrayBuffer) => Buffer.from(frame).toString("hex");
  const bytes = (s: string) => Uint8Array.from(Buffer.from(s, "hex")).buffer;

  test("are the bytes that Go writes", () => {
    expect(hex(encodePing(ping))).toBe(pingHex);
    expect(hex(encodePong(pong))).toBe(pongHex);
  });
  test("are read back exactly", () => {
    expect(decodePing(bytes(pingHex))).toEqual(ping);
    expect(decodePong(bytes(pongHex))).toEqual(pong);
  });
  test("are not taken for each other, nor cut", () => {
    expect(decodePing(bytes(pongHex))).toBeUndefined();
    expect(decodePong(bytes(pingHex))).toBeUndefined();
    expect(decodePong(bytes(pongHex.slice(0, 24)))).toBeUndefined();
    expect(decodePong(new ArrayBuffer(0))).toBeUndefined();
  });
});
