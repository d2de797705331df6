import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  decodeServer,
  fromBase64Url,
  openSeal,
  RoomStore,
  type Seal,
  type ServerMessage,
  ShapeError,
} from "../src/core/index.ts";
import { sealed } from "./sealing.ts";

const text = { title: "Tea ☕ or coffee?", options: ["Tea", "Coffee"] };
const where = { channel: "show", cue: "c1" };

describe("SE1 a seal opens with its key, and is bound to channel, cue and revision", () => {
  test("what another implementation has encrypted is read", async () => {
    const { seal, key } = await sealed(text, { ...where, rev: 3 });
    expect(openSeal({ ...where, seal, key })).toEqual(text);
  });
  test.each([
    ["another channel", { channel: "other" }],
    ["another cue", { cue: "c2" }],
    ["another revision", { rev: 4 }],
    ["another key", { key: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }],
    ["a short key", { key: "AAAA" }],
    ["a key that is no base64url", { key: "not base64url!" }],
    ["another iv", { iv: "AAAAAAAAAAAAAAAA" }],
    ["a short iv", { iv: "AAAA" }],
    ["a text cut short", { ct: "AAAA" }],
    ["a text beyond all bounds", { ct: "A".repeat(20_000) }],
  ])("%s does not open it", async (_, change: Partial<Seal & typeof where & { key: string }>) => {
    const { seal, key } = await sealed(text, { ...where, rev: 3 });
    const { channel = where.channel, cue = where.cue, key: other = key, ...rest } = change;
    expect(() => openSeal({ channel, cue, seal: { ...seal, ...rest }, key: other })).toThrow(ShapeError);
  });
  test("what holds no question is refused", async () => {
    for (const odd of ["[]", '{"title":1,"options":[]}', "tea"]) {
      const { seal, key } = await sealed(odd, { ...where, rev: 3 });
      expect(() => openSeal({ ...where, seal, key })).toThrow(ShapeError);
    }
  });
  test("the plain text is nowhere in the seal", async () => {
    const { seal } = await sealed(text, { ...where, rev: 3 });
    expect(new TextDecoder().decode(fromBase64Url(seal.ct))).not.toContain("Tea");
  });
  test("base64url of every length", () => {
    for (let n = 0; n < 70; n++) {
      const bytes = webcrypto.getRandomValues(new Uint8Array(n));
      expect(fromBase64Url(Buffer.from(bytes).toString("base64url"))).toEqual(bytes);
    }
  });
});

/** An example of the wire. */
const example = (name: string): ServerMessage =>
  decodeServer(
    readFileSync(new URL(`../../interact/wire/testdata/server/${name}.json`, import.meta.url), "utf8").trim(),
  );

describe("SE1 the examples of the wire, which Go has sealed, open", () => {
  test("with the key in the cue", () => {
    const message = example("cue_open");
    if (message.t !== "cue") throw new Error(message.t);
    const { id, seal, key } = message.cue;
    if (seal === undefined || key === undefined) throw new Error("the example has no seal or no key");
    expect(openSeal({ channel: "show", cue: id, seal, key }).options).toHaveLength(message.cue.choices);
  });
  test("with the key that comes by itself, before or after its cue", () => {
    const armed = example("cue_armed");
    const key = example("key");
    for (const order of [
      [armed, key],
      [key, armed],
    ]) {
      const room = new RoomStore("show");
      for (const message of order) room.dispatch(message);
      expect([...room.getState().cues.values()][0]?.text?.options.length).toBeGreaterThan(1);
    }
  });
});
