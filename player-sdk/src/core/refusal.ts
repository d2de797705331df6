/**
 * Why an answer was not counted, in words for the screen.
 *
 * @module
 */
import type { RefusedMessage } from "./wire.ts";

const reasons: ReadonlyMap<string, string> = new Map([
  ["early", "Too early: the question was not open yet. Choose again."],
  ["too_fast", "Too quick to have read the question. Choose again."],
  ["late", "Too late: time was up."],
  ["closed", "Too late: the answers are counted already."],
  ["void", "The host has withdrawn this question. No answer counts."],
  ["paused", "The host had paused the question."],
  ["unknown_cue", "This question is not asked here."],
  ["unknown_option", "There is no such option. Choose again."],
  ["invalid", "This answer could not be read. Reload the page."],
  ["not_admitted", "Your answer does not count here: you are not taking part."],
  ["banned", "The host does not let you take part here."],
  ["too_many", "Too many answers came from this device. Wait a moment, and choose again."],
  ["busy", "The server is very busy. Choose again."],
  ["unavailable", "Answers cannot be saved just now. Choose again."],
  ["internal", "The server made a mistake. Choose again."],
  ["denied", "Your sign-in does not hold any more. Reload the page."],
]);

/** What the server says, or, if it says nothing, what its code means. */
export const refusalReason = ({ message, code }: Pick<RefusedMessage, "message" | "code">): string =>
  message || (reasons.get(code) ?? "Your answer was not counted.");
