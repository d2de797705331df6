/**
 * A network between browser and server that does what networks do: it goes
 * silent, it comes back, and it refuses what it does not understand.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { FrameReader } from "./frames.ts";

/** A request whose first line begins like one of these is refused. */
export type Refused = readonly string[];

export interface Gate {
  /** Address of the server as seen through the gate. */
  readonly web: string;
  /** Requests that were let through, by their first lines, oldest first. */
  readonly passed: readonly string[];
  /** How many requests did not get through. */
  readonly refusals: number;
  /** Messages that browsers were sent over WebSockets, in order, as far as they are JSON. */
  readonly heard: readonly Heard[];
  /** Requests that begin like one of these get an error from the network. Connections that exist stay. */
  refuse(first: Refused): void;
  /** Ends the connections whose last request began like this, as a proxy does that has seen enough of them. */
  end(first: string): number;
  /** From now on nothing gets through, and nobody is told. */
  cut(): void;
  /** New connections get through again; the old ones are lost. */
  restore(): void;
  /** What browsers send on connections that began like this does not arrive any more; what the server says still does. */
  mute(first: string): void;
  close(): Promise<void>;
}

/** What every message has. */
export interface Heard {
  readonly t: string;
  readonly off?: number;
  readonly offset?: number;
  readonly resumed?: boolean;
}

/** One connection of a browser, and where it leads. */
interface Pair {
  readonly browser: Socket;
  readonly server: Socket;
  first: string;
  readonly frames: FrameReader;
}

const REFUSAL = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/** Opens a gate to `server`, an http origin on this machine. */
export async function openGate(server: string): Promise<Gate> {
  const { hostname, port } = new URL(server);
  const pairs = new Set<Pair>();
  const passed: string[] = [];
  const heard: Heard[] = [];
  let refused: Refused = [];
  let silent = false;
  let refusals = 0;
  let muted: string | undefined;

  /** False if what comes is a request that does not get through. */
  const admits = (pair: Pair, data: Buffer): boolean => {
    const line = /^(GET|POST|PUT|DELETE|OPTIONS) \S+ HTTP/.exec(data.toString("latin1", 0, 512))?.[0];
    if (line === undefined) return true;
    pair.first = line;
    if (refused.some((first) => line.startsWith(first))) {
      refusals++;
      return false;
    }
    passed.push(line);
    return true;
  };

  const listener = createServer((browser) => {
    const upstream = connect(Number(port), hostname);
    const pair: Pair = { browser, server: upstream, first: "", frames: new FrameReader() };
    pairs.add(pair);
    const gone = (): void => {
      pairs.delete(pair);
      browser.destroy();
      upstream.destroy();
    };
    for (const end of [browser, upstream]) {
      end.setNoDelay(true);
      end.on("error", gone);
      end.on("close", () => (silent ? undefined : gone()));
    }
    browser.on("data", (data) => {
      if (silent || (muted !== undefined && pair.first.startsWith(muted))) return;
      if (admits(pair, data)) upstream.write(data);
      else browser.end(REFUSAL);
    });
    upstream.on("data", (data) => {
      if (silent) return;
      browser.write(data);
      if (pair.first.startsWith("GET /ws/")) heard.push(...(pair.frames.push(data) as Heard[]));
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const address = listener.address();
  if (address === null || typeof address === "string") throw new Error("no port");

  const drop = (which: (pair: Pair) => boolean): number => {
    const doomed = [...pairs].filter(which);
    for (const pair of doomed) {
      pairs.delete(pair);
      pair.browser.destroy();
      pair.server.destroy();
    }
    return doomed.length;
  };
  // Connections of a network that went silent: their ends hear nothing, not even that they are lost.
  const lost = new Set<Pair>();

  return {
    web: `http://127.0.0.1:${address.port}`,
    passed,
    heard,
    get refusals() {
      return refusals;
    },
    refuse: (first) => {
      refused = first;
    },
    end: (first) => drop((pair) => pair.first.startsWith(first)),
    cut: () => {
      silent = true;
    },
    mute: (first) => {
      muted = first;
    },
    restore: () => {
      for (const pair of pairs) {
        pair.browser.removeAllListeners("data").resume();
        pair.server.removeAllListeners("data").resume();
        lost.add(pair);
      }
      pairs.clear();
      silent = false;
      muted = undefined;
    },
    close: async () => {
      drop(() => true);
      for (const pair of lost) {
        pair.browser.destroy();
        pair.server.destroy();
      }
      listener.close();
      await once(listener, "close");
    },
  };
}
