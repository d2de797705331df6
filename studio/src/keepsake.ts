/** One text kept in this browser between visits. Storage that is switched off keeps nothing and breaks nothing. */
export class Keepsake {
  readonly #key: string;

  /** @param key - Its name in the browser's local storage. */
  constructor(key: string) {
    this.#key = key;
  }

  read(): string | undefined {
    try {
      return localStorage.getItem(this.#key) ?? undefined;
    } catch {
      return undefined;
    }
  }

  write(value: string): void {
    try {
      localStorage.setItem(this.#key, value);
    } catch {
      // Private mode or a full disk: the next visit starts from the default.
    }
  }
}
