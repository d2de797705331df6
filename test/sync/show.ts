/**
 * The producer's side of a run: cues over the API.
 *
 * @module
 */
import { CHANNEL, type Server } from "../e2e/server.ts";

/** A cue that was taken. */
export interface Taken {
  readonly id: string;
  /** O and C on R, µs. */
  readonly o: number;
  readonly c: number;
}

/** Calls the producers' API; throws what it says if that is no. */
export async function call<T>(
  server: Server,
  method: "GET" | "POST" | "PUT",
  path: string,
  body?: object,
): Promise<T> {
  const answer = await fetch(`${server.web}/api/v1/channels/${CHANNEL}${path}`, {
    method,
    headers: { Authorization: `Bearer ${server.token}`, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

interface WireCue {
  readonly id: string;
  readonly o_us?: number;
  readonly c_us?: number;
  readonly state: string;
}

/** Ahead of now at which a cue opens that cannot be taken with the picture, µs. */
const AHEAD = 2_000_000;

/**
 * Makes a poll and takes it at once, with the newest picture. Where the target
 * latency leaves too little time for that, it is taken for an instant on R,
 * whose reading is `now`.
 */
export async function takePoll(
  server: Server,
  n: number,
  windowMs: number,
  now: () => number,
): Promise<Taken> {
  const draft = await call<WireCue>(server, "POST", "/cues", {
    kind: "poll",
    title: `Poll ${n}: stage left or stage right?`,
    options: ["Stage left", "Stage right"],
    window_ms: windowMs,
  });
  const take = (how: object) => call<WireCue>(server, "POST", `/cues/${draft.id}/take`, how);
  const cue = await take({}).catch((cause: unknown) => {
    if (!(cause instanceof Error) || !cause.message.includes('"too_late"')) throw cause;
    return take({ open_us: Math.round(now() + AHEAD) });
  });
  if (cue.o_us === undefined || cue.c_us === undefined) throw new Error(`cue ${cue.id} has no window`);
  return { id: cue.id, o: cue.o_us, c: cue.c_us };
}
