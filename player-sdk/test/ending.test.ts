import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Ending } from "../src/player/ending.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const ending = () => {
  const reload = vi.fn();
  return { reload, it: new Ending({ reload }) };
};

test("EE1 a room that says when the next event is on air is waited for", () => {
  const { it, reload } = ending();
  it.begin(true, false);
  vi.advanceTimersByTime(3_600_000);
  expect(reload).not.toHaveBeenCalled();
  expect(it.over).toBe(true);
  it.onAir(false);
  expect(reload).not.toHaveBeenCalled();
  it.onAir(true);
  expect(reload).toHaveBeenCalledTimes(1);
  expect(it.over).toBe(false);
});

test("EE2 an old playlist while the channel is on air is asked for again", () => {
  const { it, reload } = ending();
  it.begin(true, true);
  vi.advanceTimersByTime(1999);
  expect(reload).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(reload).toHaveBeenCalledTimes(1);
});

test("EE3 without a room the playlist is asked now and then", () => {
  const { it, reload } = ending();
  it.begin(false, false);
  vi.advanceTimersByTime(15_000);
  expect(reload).toHaveBeenCalledTimes(1);
  it.begin(false, false);
  it.forget();
  vi.advanceTimersByTime(60_000);
  expect(reload).toHaveBeenCalledTimes(1);
});

test("EE4 while nothing has ended the room's word changes nothing", () => {
  const { it, reload } = ending();
  it.onAir(true);
  it.onAir(true);
  expect(reload).not.toHaveBeenCalled();
});
