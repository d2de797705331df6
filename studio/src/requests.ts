/** What elements ask for. Events go up; whoever holds the store acts on them. */
import type { Action, ActionBody } from "./api.ts";
import type { Question } from "./question.ts";
import type { ExportFormat } from "./shows.ts";

const up: EventInit = { bubbles: true, composed: true };

/** Sign in with this token. */
export class SignInRequest extends Event {
  static readonly type = "cl-sign-in-request";
  readonly token: string;

  constructor(token: string) {
    super(SignInRequest.type, up);
    this.token = token;
  }
}

/** End the session. */
export class SignOutRequest extends Event {
  static readonly type = "cl-sign-out-request";

  constructor() {
    super(SignOutRequest.type, up);
  }
}

/** Work on this channel. */
export class ChannelRequest extends Event {
  static readonly type = "cl-channel-request";
  readonly channel: string;

  constructor(channel: string) {
    super(ChannelRequest.type, up);
    this.channel = channel;
  }
}

/** Make this draft the next one to be taken. */
export class SelectRequest extends Event {
  static readonly type = "cl-select-request";
  readonly cue: string;

  constructor(cue: string) {
    super(SelectRequest.type, up);
    this.cue = cue;
  }
}

/** Do this to a cue. */
export class ActionRequest extends Event {
  static readonly type = "cl-action-request";
  readonly cue: string;
  readonly action: Action;
  readonly body: ActionBody;

  constructor(cue: string, action: Action, body: ActionBody = {}) {
    super(ActionRequest.type, up);
    this.cue = cue;
    this.action = action;
    this.body = body;
  }
}

/** Open the form: empty, with a draft to change, or with a question to prepare again. */
export class FormRequest extends Event {
  static readonly type = "cl-form-request";
  /** The cue to start from; undefined for an empty form. */
  readonly cue: string | undefined;
  /** Whether a new draft is made of it instead of changing it. */
  readonly copy: boolean;

  constructor(cue?: string, copy = false) {
    super(FormRequest.type, up);
    this.cue = cue;
    this.copy = copy;
  }
}

/** Keep this question: as a new draft, or as the new text of one. */
export class SaveRequest extends Event {
  static readonly type = "cl-save-request";
  readonly cue: string | undefined;
  readonly question: Question;

  constructor(cue: string | undefined, question: Question) {
    super(SaveRequest.type, up);
    this.cue = cue;
    this.question = question;
  }
}

/** Delete this draft. */
export class DeleteRequest extends Event {
  static readonly type = "cl-delete-request";
  readonly cue: string;

  constructor(cue: string) {
    super(DeleteRequest.type, up);
    this.cue = cue;
  }
}

/** Show how this cue opened; undefined for the one on air. */
export class LookRequest extends Event {
  static readonly type = "cl-look-request";
  readonly cue: string | undefined;

  constructor(cue: string | undefined) {
    super(LookRequest.type, up);
    this.cue = cue;
  }
}

/** Change the channel's target latency. */
export class LatencyRequest extends Event {
  static readonly type = "cl-latency-request";
  readonly latencyMs: number;

  constructor(latencyMs: number) {
    super(LatencyRequest.type, up);
    this.latencyMs = latencyMs;
  }
}

/** End the event that is on air. */
export class EndRequest extends Event {
  static readonly type = "cl-end-request";

  constructor() {
    super(EndRequest.type, up);
  }
}

/** Read the list of recordings again, or delete one of them. */
export class RecordingRequest extends Event {
  static readonly type = "cl-recording-request";
  /** The one to delete. */
  readonly remove: string | undefined;

  constructor(remove?: string) {
    super(RecordingRequest.type, up);
    this.remove = remove;
  }
}

/** How somebody is banned. */
export interface BanTerms {
  /** In seconds; 0 for good. */
  readonly forS: number;
  /** For the producers' list; may be empty. */
  readonly reason: string;
}

/** Disconnect a participant, or keep it out as well. */
export class RemovalRequest extends Event {
  static readonly type = "cl-removal-request";
  readonly how: "kick" | "ban";
  readonly participant: string;
  readonly terms: BanTerms;

  constructor(how: "kick" | "ban", participant: string, terms: BanTerms = { forS: 0, reason: "" }) {
    super(RemovalRequest.type, up);
    this.how = how;
    this.participant = participant;
    this.terms = terms;
  }
}

/** Let a participant in again. */
export class UnbanRequest extends Event {
  static readonly type = "cl-unban-request";
  readonly participant: string;

  constructor(participant: string) {
    super(UnbanRequest.type, up);
    this.participant = participant;
  }
}

/** Read the list of bans again. */
export class BansRequest extends Event {
  static readonly type = "cl-bans-request";

  constructor() {
    super(BansRequest.type, up);
  }
}

/** Make this many one-time links; none forgets those that were made. */
export class LinksRequest extends Event {
  static readonly type = "cl-links-request";
  readonly count: number;
  /** How long they wait for their first use, in seconds. */
  readonly forS: number;

  constructor(count: number, forS: number) {
    super(LinksRequest.type, up);
    this.count = count;
    this.forS = forS;
  }
}

/** What may be asked about past shows. */
export type ShowsWish =
  /** The newest, or the list once more. */
  | { readonly to: "list" }
  /** Those that are older. */
  | { readonly to: "more" }
  /** One of them, with its results. */
  | { readonly to: "open"; readonly show: number }
  /** Away from the one that is looked at. */
  | { readonly to: "leave" }
  /** That one as a file. */
  | { readonly to: "save"; readonly format: ExportFormat };

/** Look at past shows. */
export class ShowsRequest extends Event {
  static readonly type = "cl-shows-request";
  readonly wish: ShowsWish;

  constructor(wish: ShowsWish) {
    super(ShowsRequest.type, up);
    this.wish = wish;
  }
}

/** Take this notice off the screen. */
export class DismissRequest extends Event {
  static readonly type = "cl-dismiss-request";
  readonly notice: number;

  constructor(notice: number) {
    super(DismissRequest.type, up);
    this.notice = notice;
  }
}

declare global {
  interface HTMLElementEventMap {
    "cl-sign-in-request": SignInRequest;
    "cl-sign-out-request": SignOutRequest;
    "cl-channel-request": ChannelRequest;
    "cl-select-request": SelectRequest;
    "cl-action-request": ActionRequest;
    "cl-form-request": FormRequest;
    "cl-save-request": SaveRequest;
    "cl-delete-request": DeleteRequest;
    "cl-look-request": LookRequest;
    "cl-latency-request": LatencyRequest;
    "cl-end-request": EndRequest;
    "cl-recording-request": RecordingRequest;
    "cl-removal-request": RemovalRequest;
    "cl-unban-request": UnbanRequest;
    "cl-bans-request": BansRequest;
    "cl-links-request": LinksRequest;
    "cl-shows-request": ShowsRequest;
    "cl-dismiss-request": DismissRequest;
  }
}
