/**
 * Opens each cue's window at O by the room clock, on the display frame nearest
 * to it. Rules OP… are in SPEC.md.
 *
 * @module
 */
import {
  type Cue,
  localNow,
  type Micros,
  type Millis,
  micros,
  millis,
  type OpenedMessage,
  type OpeningReason,
  phaseOf,
  type RoomLink,
  type Standing,
  type SyncClass,
  type Ticks,
} from "../core/index.ts";
import { isArchive, joining, openingTime } from "./opening-time.ts";
import { Refresh } from "./refresh.ts";

/** How a window opened. */
export interface Opening extends OpenedMessage {
  /** O, when it should have. */
  readonly o_us: Micros;
}

/** What the opener needs of the screen. */
export interface OpenerOptions {
  readonly connection: RoomLink;
  /** Makes the cue visible in the display frame that is being prepared. */
  readonly show: (cue: Cue) => void;
  /** P of the frame on screen. */
  readonly shownInstant: () => Micros | undefined;
  readonly class: () => SyncClass;
  /** When media time T is on this screen, on R. Default: nobody knows. */
  readonly screenInstant?: (media: Ticks) => Micros | undefined;
  /** Whether the viewer is behind the room by choice. Default no. */
  readonly archive?: () => boolean;
  /** What is wrong with the picture. Default nothing. */
  readonly picture?: () => "paused" | "behind" | undefined;
  /** Whether the browser makes the cue visible by itself at {@link Opener.startsAt}. Default no. */
  readonly driven?: (cue: string) => boolean;
  /** A window opened. */
  readonly opened?: (opening: Opening) => void;
}

const WAKE_BEFORE = 120; // ms before O in which display frames are watched
const SOON = 10; // ms after O in which a key is not late

/** What is remembered of a cue. */
interface Known {
  standing: Standing;
  /** It was joined inside its window. */
  late: boolean;
  /** No frames came at O: the page was hidden. */
  hidden: boolean;
  /** Since when the text is known. */
  keyedAt: Millis | undefined;
}

/** Opens windows. Create it, then {@link Opener.run} it once. */
export class Opener {
  readonly #options: OpenerOptions;
  readonly #known = new Map<string, Known>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #frame = 0;
  readonly #refresh = new Refresh();
  #lastFrame = 0;

  constructor(options: OpenerOptions) {
    this.#options = options;
  }

  /** How a cue stands on this screen. */
  standing(cue: string): Standing {
    const standing = this.#known.get(cue)?.standing ?? "unseen";
    return standing === "unseen" && this.#archive ? "later" : standing;
  }

  /** Whether the window of this cue has opened here. */
  hasOpened(cue: string): boolean {
    return this.standing(cue) === "open";
  }

  /**
   * From when on the browser may show the cue by itself, on the document's timeline: the frame that begins then
   * is the one that is visible nearest to O. Undefined if only the own picture can tell.
   */
  startsAt(cue: Cue): Millis | undefined {
    if (
      cue.policy === "playhead" ||
      isArchive({ cue, archive: this.#archive }) ||
      this.#known.get(cue.id)?.late
    )
      return undefined;
    const due = this.#dueAt(cue);
    return Number.isFinite(due) ? millis(due - 1.5 * this.#refresh.length) : undefined;
  }

  /** Opens windows until `signal` aborts. */
  run({ signal }: { readonly signal: AbortSignal }): void {
    const { connection } = this.#options;
    const arm = (): void => this.#arm();
    connection.room.subscribe(arm, { signal });
    connection.onClock(arm, { signal });
    document.addEventListener("visibilitychange", () => this.#visible(), { signal });
    signal.addEventListener("abort", () => this.#disarm(), { once: true });
    this.#arm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  get #archive(): boolean {
    return this.#options.archive?.() ?? false;
  }

  /** Looks at what is ahead and sleeps until shortly before it. */
  #arm(): void {
    clearTimeout(this.#timer);
    const wait = Math.min(...this.#pending().map((cue) => this.#dueAt(cue) - localNow()));
    if (wait === Number.POSITIVE_INFINITY) return;
    // What the own picture decides moves with it.
    if (wait > WAKE_BEFORE) this.#timer = setTimeout(() => this.#arm(), Math.min(wait - WAKE_BEFORE, 30_000));
    else if (this.#frame === 0) this.#watchFrames();
  }

  #pending(): Cue[] {
    const cues = [...this.#options.connection.room.getState().cues.values()];
    return cues.filter((cue) => this.#note(cue)?.standing === "unseen");
  }

  /** Notes what is to be known of a cue; undefined if there is nothing to open. */
  #note(cue: Cue): Known | undefined {
    const now = this.#options.connection.now();
    const phase = phaseOf(cue, now ?? micros(0));
    const archive = isArchive({ cue, archive: this.#archive });
    const opens = phase === "waiting" || phase === "open" || phase === "paused";
    if (cue.o_us === undefined || phase === "gone" || !(opens || archive)) return undefined;
    const known = this.#known.get(cue.id) ?? {
      standing: "unseen",
      late: false,
      hidden: false,
      keyedAt: undefined,
    };
    if (!this.#known.has(cue.id) && now !== undefined) {
      const how = archive ? "in time" : joining(cue, now);
      known.late = how === "late";
      if (how === "shut") known.standing = "shut";
      this.#known.set(cue.id, known);
    }
    if (known.standing === "shut" && now !== undefined && joining(cue, now) === "late") {
      known.standing = "unseen"; // it was extended
      known.late = true;
    }
    if (cue.text !== undefined) known.keyedAt ??= localNow();
    return known;
  }

  #dueAt(cue: Cue): Millis {
    const { connection, screenInstant } = this.#options;
    return openingTime({
      cue,
      now: localNow(),
      clock: connection.clock,
      keyedAt: this.#known.get(cue.id)?.keyedAt,
      screenInstant: cue.media === undefined ? undefined : screenInstant?.(cue.media),
      archive: this.#archive,
    });
  }

  #watchFrames(): void {
    this.#lastFrame = 0;
    const onFrame = (at: number): void => {
      this.#frame = 0;
      this.#measure(at);
      const visibleAt = at + this.#refresh.length;
      for (const cue of this.#pending()) {
        const due = this.#dueAt(cue);
        if (visibleAt + this.#refresh.length / 2 >= due)
          this.#open(cue, this.#seenAt(cue, due, millis(visibleAt)));
      }
      if (this.#pending().some((cue) => this.#dueAt(cue) - localNow() <= WAKE_BEFORE)) {
        this.#frame = requestAnimationFrame(onFrame);
      } else this.#arm();
    };
    this.#frame = requestAnimationFrame(onFrame);
  }

  /** A page that was busy at O has shown a cue that the browser drives nevertheless: on the frame that was due. */
  #seenAt(cue: Cue, due: Millis, visibleAt: Millis): Millis {
    const missed = visibleAt - due > 1.5 * this.#refresh.length;
    if (!missed || this.#known.get(cue.id)?.hidden === true || this.#options.driven?.(cue.id) !== true)
      return visibleAt;
    const frames = Math.floor((visibleAt - due) / this.#refresh.length + 0.5);
    return millis(visibleAt - frames * this.#refresh.length);
  }

  /** No frames come while the tab is hidden: a window that is seen on return is no measure of O. */
  #visible(): void {
    const shut = document.visibilityState === "hidden";
    for (const cue of this.#pending()) {
      const known = this.#known.get(cue.id);
      if (known !== undefined && !shut && this.#dueAt(cue) < localNow()) known.hidden = true;
    }
    if (!shut) this.#arm();
  }

  #measure(at: number): void {
    if (this.#lastFrame > 0) this.#refresh.add(at - this.#lastFrame);
    this.#lastFrame = at;
  }

  #open(cue: Cue, visibleAt: Millis): void {
    const known = this.#known.get(cue.id);
    if (known === undefined) return;
    const archive = isArchive({ cue, archive: this.#archive });
    known.standing = archive ? "archive" : "open";
    this.#options.show(cue);
    if (!archive) this.#report(cue, known, visibleAt);
  }

  #report(cue: Cue, known: Known, visibleAt: Millis): void {
    const { connection } = this.#options;
    const at = connection.clock.at(visibleAt);
    if (at === undefined) return;
    const frame = this.#options.shownInstant();
    const why = this.#why(cue, known);
    const opened: OpenedMessage = {
      t: "opened",
      cue: cue.id,
      rev: cue.rev,
      at_us: at,
      ...(frame === undefined ? {} : { frame_us: frame }),
      disp_us: connection.dispersion(),
      class: this.#options.class(),
      ...(known.late || known.hidden ? { late: true } : {}),
      ...(why === undefined ? {} : { why }),
    };
    connection.report(opened);
    this.#options.opened?.({ ...opened, o_us: cue.o_us ?? at });
  }

  #why(cue: Cue, { hidden, late, keyedAt }: Known): OpeningReason | undefined {
    const { clock } = this.#options.connection;
    if (hidden) return "hidden";
    if (late) return "late";
    const opens = cue.o_us === undefined ? undefined : clock.localAt(cue.o_us);
    if (keyedAt !== undefined && opens !== undefined && keyedAt > opens + SOON) return "key";
    if (!clock.synced(localNow())) return "clock";
    return this.#options.picture?.();
  }
}
