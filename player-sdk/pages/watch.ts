/**
 * The watch page: one player, for the channel that the address names.
 *
 * @module
 */
import "../src/define.ts";
import { type CuelightPlayer, localNow, type Opening, type RoomLink } from "../src/index.ts";

/**
 * What rigs and tests may read on the watch page. Instants are µs on the room
 * clock R. Not for production use; names stay as long as the page does.
 */
export interface DebugHandle {
  /** R now; undefined before the first welcome. */
  now(): number | undefined;
  /** Bound of the clock's error in µs; Infinity without samples. */
  readonly dispersion: number;
  /** How the windows of this viewer opened, oldest first. */
  readonly openings: readonly Opening[];
  /** P of the frame at `mediaTime` (s) of the video; undefined where nothing was loaded. */
  frameInstant(mediaTime: number): number | undefined;
  readonly player: CuelightPlayer;
}

declare global {
  interface Window {
    cuelight?: DebugHandle;
  }
}

const find = (id: string): HTMLElement => {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`watch.html has no element #${id}`);
  return element;
};

/** The last part of /watch/{channel}. */
const channelOf = (path: string): string => decodeURIComponent(path.split("/").filter(Boolean).at(-1) ?? "");

/** Token, or code of a one-time link, behind the "#" of the address, which leaves the address bar at once. */
function ticket(): { readonly token: string; readonly link: string } {
  const hash = new URLSearchParams(location.hash.slice(1));
  const [token, link] = [hash.get("token") ?? "", hash.get("link") ?? ""];
  if (token !== "" || link !== "") history.replaceState(null, "", location.pathname + location.search);
  return { token, link };
}

function showTitle(connection: RoomLink): void {
  const { title, timeline } = connection.room.getState();
  const name = title || connection.channel;
  find("title").textContent = name;
  document.title = `${name} · Cuelight`;
  find("live").hidden = timeline?.live !== true;
}

function debugHandle(player: CuelightPlayer): DebugHandle {
  return {
    now: () => player.activeConnection?.now(),
    get dispersion() {
      return player.activeConnection?.clock.dispersion(localNow()) ?? Number.POSITIVE_INFINITY;
    },
    get openings() {
      return player.session?.openings ?? [];
    },
    frameInstant: (mediaTime) => player.frameInstant(mediaTime),
    player,
  };
}

async function main(): Promise<void> {
  const player = find("player") as CuelightPlayer;
  const query = new URLSearchParams(location.search);
  Object.assign(player, ticket());
  player.carriers = query.get("carriers") ?? "";
  player.transport = query.get("transport") ?? "";
  player.codec = query.get("codec") ?? "";
  player.channel = channelOf(location.pathname);
  await player.updateComplete;
  const connection = player.activeConnection;
  if (connection === undefined) return;
  const { signal } = new AbortController();
  connection.room.subscribe(() => showTitle(connection), { signal });
  showTitle(connection);
  window.cuelight = debugHandle(player);
}

main().catch((cause: unknown) => reportError(cause));
