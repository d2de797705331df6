import { expect, test, vi } from "vitest";
import { hotkeyOf, type KeyPress, listenForHotkeys } from "../src/hotkeys.ts";
import { pastedToken, takeToken, tokenIn } from "../src/sign-in-link.ts";

const press = (change: Partial<KeyPress> = {}): KeyPress => ({
  key: "t",
  repeat: false,
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  defaultPrevented: false,
  path: ["button", "cl-next", "body"],
  ...change,
});

test("a letter is a command, in either case", () => {
  expect(hotkeyOf(press())).toBe("t");
  expect(hotkeyOf(press({ key: "T" }))).toBe("t");
});

test("Shift is part of the command; Caps Lock is not", () => {
  expect(hotkeyOf(press({ key: "T", shiftKey: true }))).toBe("shift+t");
  expect(hotkeyOf(press({ key: "t", shiftKey: true }))).toBe("shift+t");
});

test("a letter with Shift does what it does alone, unless it has a meaning of its own", () => {
  const page = new EventTarget();
  vi.stubGlobal("document", page);
  vi.stubGlobal("Element", class {});
  const done: string[] = [];
  const gone = new AbortController();
  const note = (what: string) => () => void done.push(what);
  listenForHotkeys({ t: note("t"), "shift+t": note("edge"), e: note("e") }, { signal: gone.signal });
  const down = (key: string, shiftKey: boolean): void => {
    const { repeat, ctrlKey, metaKey, altKey } = press();
    page.dispatchEvent(
      Object.assign(new Event("keydown"), { key, shiftKey, repeat, ctrlKey, metaKey, altKey }),
    );
  };
  for (const key of ["t", "e", "x"]) for (const shift of [false, true]) down(key, shift);
  gone.abort();
  down("t", false);
  vi.unstubAllGlobals();
  expect(done).toEqual(["t", "edge", "e", "e"]);
});

test.each<[string, Partial<KeyPress>]>([
  ["held down", { repeat: true }],
  ["with Control", { ctrlKey: true }],
  ["with Command", { metaKey: true }],
  ["with Alt", { altKey: true }],
  ["already used", { defaultPrevented: true }],
  ["typed into a field", { path: ["input", "form"] }],
  ["typed into a text", { path: ["textarea"] }],
  ["on a list", { path: ["select"] }],
  ["inside a dialog", { path: ["button", "dialog", "cl-confirm"] }],
  ["not a letter", { key: "Enter" }],
])("a key %s is no command", (_, change) => {
  expect(hotkeyOf(press(change))).toBeUndefined();
});

test("finds the token of a sign-in link", () => {
  expect(tokenIn("https://host/studio/#token=ey.J-_x")).toBe("ey.J-_x");
  expect(tokenIn("#token=")).toBeUndefined();
  expect(tokenIn("https://host/studio/?token=x")).toBeUndefined();
  expect(pastedToken(" ey.J-_x\n")).toBe("ey.J-_x");
  expect(pastedToken("http://h/studio/#token=abc ")).toBe("abc");
});

test("takes the token out of the address, and leaves an address without one alone", () => {
  const replaced: unknown[] = [];
  const history = { replaceState: (...args: unknown[]) => replaced.push(args[2]) } as unknown as History;
  const at = (hash: string) => ({ hash, pathname: "/studio/", search: "?a=1" }) as Location;
  expect(takeToken(at("#token=abc"), history)).toBe("abc");
  expect(takeToken(at("#other"), history)).toBeUndefined();
  expect(replaced).toEqual(["/studio/?a=1"]);
});
