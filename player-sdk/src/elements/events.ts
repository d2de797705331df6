/**
 * What the elements ask of whoever listens above them.
 *
 * @module
 */
import type { Millis } from "../core/index.ts";

/** The viewer chose an option. */
export class AnswerRequest extends Event {
  static readonly type = "cuelight-answer-request";
  readonly cue: string;
  readonly option: number;
  /** When the viewer did, on this device's clock: of the input, not of its handling. */
  readonly at: Millis;

  constructor(cue: string, option: number, at: Millis) {
    super(AnswerRequest.type, { bubbles: true, composed: true, cancelable: true });
    this.cue = cue;
    this.option = option;
    this.at = at;
  }
}

/** The viewer typed a PIN. */
export class PinRequest extends Event {
  static readonly type = "cuelight-pin-request";
  readonly pin: string;

  constructor(pin: string) {
    super(PinRequest.type, { bubbles: true, composed: true, cancelable: true });
    this.pin = pin;
  }
}

declare global {
  interface HTMLElementEventMap {
    "cuelight-pin-request": PinRequest;
    "cuelight-answer-request": AnswerRequest;
  }
}
