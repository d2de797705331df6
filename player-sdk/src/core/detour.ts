/**
 * Where a line goes when its server sends it to another one. Pure.
 *
 * @module
 */

/** What the end of a connection says of the way. */
export interface Leg {
  readonly welcomed: boolean;
  /** The server that the last one named, if it did: "https://node2.example.com". */
  readonly to: string | undefined;
}

/** The address of a line: its home, or for a while a server that it was sent to and that its page trusts. */
export class Detour {
  readonly #home: string;
  readonly #trusted: ReadonlySet<string>;
  #away: string | undefined;

  /** @param trusted - Origins. Anything else that a server names is ignored. */
  constructor(home: string, trusted: readonly string[] = []) {
    this.#home = home;
    this.#trusted = new Set(
      trusted.map((origin) => originOf(origin)).filter((origin) => origin !== undefined),
    );
  }

  /** Where to connect next. */
  get url(): string {
    return this.#away ?? this.#home;
  }

  /** Who is not let in elsewhere comes home. */
  ended({ welcomed, to }: Leg): void {
    const next = to === undefined ? undefined : this.#at(to);
    if (next !== undefined) this.#away = next;
    else if (!welcomed) this.#away = undefined;
  }

  #at(to: string): string | undefined {
    const origin = originOf(to);
    if (origin === undefined || !this.#trusted.has(origin)) return undefined;
    const there = new URL(origin);
    const url = new URL(this.#home);
    if (url.protocol === "wss:" && there.protocol !== "https:") return undefined; // never in the clear
    url.protocol = there.protocol === "https:" ? "wss:" : "ws:";
    url.host = there.host;
    if (there.port === "") url.port = "";
    return url.href;
  }
}

function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { protocol, origin } = new URL(text);
  return protocol === "https:" || protocol === "http:" ? origin : undefined;
}
