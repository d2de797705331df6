/** Reads past shows when they are asked for, and keeps in the store what came of it. */
import { type Api, ApiError } from "./api.ts";
import { sentence } from "./question.ts";
import type { ExportFormat, Show, ShowResults } from "./shows.ts";
import type { StudioStore } from "./store.ts";

/** What is known of the channel's shows. */
export type ShowList =
  | { readonly is: "unknown" }
  /** This server keeps none; `message` says what to set. */
  | { readonly is: "none"; readonly message: string }
  | { readonly is: "failed"; readonly message: string }
  | {
      readonly is: "listed";
      readonly shows: readonly Show[];
      /** Asks for older ones; missing if there are none. */
      readonly next?: number;
      /** Whether older ones are under way, or why they did not come. */
      readonly more: "idle" | "reading" | { readonly message: string };
    };

/** The show that is looked at. */
export type OpenedShow =
  | { readonly is: "reading"; readonly id: number }
  | { readonly is: "failed"; readonly id: number; readonly message: string }
  | ({ readonly is: "read"; readonly id: number } & ShowResults);

/** A download. */
export type Saving =
  | { readonly is: "idle" }
  | { readonly is: "reading"; readonly format: ExportFormat; readonly bytes: number }
  | { readonly is: "failed"; readonly format: ExportFormat; readonly message: string }
  | { readonly is: "saved"; readonly format: ExportFormat };

/** Everything about past shows. */
export interface ArchiveState {
  readonly list: ShowList;
  readonly opened: OpenedShow | undefined;
  readonly saving: Saving;
}

/** Nothing was asked for yet. */
export const emptyArchive: ArchiveState = {
  list: { is: "unknown" },
  opened: undefined,
  saving: { is: "idle" },
};

/** What {@link Archive} needs from the world. */
export interface ArchivePorts {
  readonly api: Pick<Api, "shows" | "show" | "exportShow">;
  readonly store: StudioStore;
  /** Aborts when the channel is left. */
  readonly visit: () => AbortSignal;
  /** Hears of everything that went wrong. */
  readonly failed: (err: unknown) => void;
}

/** After how many bytes of a download its progress is told again: each time the console is drawn. */
const TOLD_EVERY = 250_000;

/** Acts on what is asked about past shows. */
export class Archive {
  readonly #ports: ArchivePorts;
  /** Lives until another show is looked at. */
  #look = new AbortController();

  constructor(ports: ArchivePorts) {
    this.#ports = ports;
  }

  /** Reads the newest shows. Those that are on screen stay until the answer is there. */
  async list(): Promise<void> {
    if (this.#state.list.is !== "listed") this.#change({ list: { is: "unknown" } });
    await this.#ask(
      (channel) => this.#ports.api.shows(channel),
      (page) => this.#change({ list: { is: "listed", more: "idle", ...page } }),
      (message, off) => this.#change({ list: { is: off ? "none" : "failed", message } }),
    );
  }

  /** Reads the next older ones. */
  async more(): Promise<void> {
    const { list } = this.#state;
    if (list.is !== "listed" || list.next === undefined || list.more === "reading") return;
    const reading = { ...list, more: "reading" } as const;
    this.#change({ list: reading });
    // A list that was read again meanwhile is a newer one.
    const settle = (settled: ShowList): void => {
      if (this.#state.list === reading) this.#change({ list: settled });
    };
    await this.#ask(
      (channel) => this.#ports.api.shows(channel, list.next),
      ({ shows, ...rest }) =>
        settle({ is: "listed", more: "idle", shows: [...list.shows, ...shows], ...rest }),
      (message) => settle({ ...list, more: { message } }),
    );
  }

  /** Looks at a show; reads it again if it is the one that is looked at. */
  async open(id: number): Promise<void> {
    const { opened } = this.#state;
    if (opened?.id !== id) this.#leave();
    if (opened?.is !== "read" || opened.id !== id) this.#change({ opened: { is: "reading", id } });
    const { signal } = this.#look;
    await this.#ask(
      (channel) => this.#ports.api.show(channel, id),
      (answer) => signal.aborted || this.#change({ opened: { is: "read", id, ...answer } }),
      (message) => signal.aborted || this.#change({ opened: { is: "failed", id, message } }),
    );
  }

  /** Looks at the list again. A download that is under way ends. */
  back(): void {
    this.#leave();
    this.#change({ opened: undefined });
  }

  /** Downloads the show that is looked at. @returns the file; undefined if there is none. */
  async save(format: ExportFormat): Promise<Blob | undefined> {
    const { opened, saving } = this.#state;
    if (opened === undefined || saving.is === "reading") return undefined;
    const look = this.#look.signal;
    const set = (next: Saving): void => {
      if (!look.aborted) this.#change({ saving: next });
    };
    set({ is: "reading", format, bytes: 0 });
    const signal = AbortSignal.any([look, this.#ports.visit()]);
    let told = 0;
    const onBytes = (bytes: number): void => {
      if (bytes - told < TOLD_EVERY) return;
      told = bytes;
      set({ is: "reading", format, bytes });
    };
    let file: Blob | undefined;
    await this.#ask(
      (channel) => this.#ports.api.exportShow(channel, opened.id, format, { signal, onBytes }),
      (blob) => {
        file = look.aborted ? undefined : blob;
        set({ is: "saved", format });
      },
      (message) => set({ is: "failed", format, message }),
    );
    return file;
  }

  #leave(): void {
    this.#look.abort();
    this.#look = new AbortController();
    this.#change({ saving: { is: "idle" } });
  }

  /** Asks about the channel; nobody hears of the answer when the channel has been left. */
  async #ask<T>(
    ask: (channel: string) => Promise<T>,
    good: (answer: T) => unknown,
    bad: (message: string, off: boolean) => unknown,
  ): Promise<void> {
    const { channel } = this.#ports.store.getState();
    if (channel === undefined) return;
    const visit = this.#ports.visit();
    try {
      const answer = await ask(channel);
      if (!visit.aborted) good(answer);
    } catch (err) {
      if (visit.aborted) return;
      bad(sentence(err instanceof Error ? err.message : String(err)), isOff(err));
      this.#ports.failed(err);
    }
  }

  get #state(): ArchiveState {
    return this.#ports.store.getState().archive;
  }

  #change(change: Partial<ArchiveState>): void {
    this.#ports.store.dispatch({ type: "archive", change });
  }
}

/** The server keeps no history. */
const isOff = (err: unknown): boolean => err instanceof ApiError && err.code === "no_history";
