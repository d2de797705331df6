/** The real binary, with its own ports and its own folder. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const CHANNEL = "show";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** `make build` makes it; CUELIGHT names another one. */
export const BINARY = process.env["CUELIGHT"] ?? join(ROOT, "bin", "cuelight");

/** How long the server may take until it answers. */
const START_TIMEOUT_MS = 20_000;

export interface Server {
  readonly web: string;
  /** Where ffmpeg pushes to, key included. */
  readonly srt: string;
  readonly rtmp: string;
  /** Link that signs a producer in. */
  readonly signIn: string;
  /** A producer's token for the API. */
  readonly token: string;
  /** What the server logged so far. */
  log(): string;
  /** Stops it as an operator would and returns its exit code. */
  stop(): Promise<number | null>;
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  probe.close();
  await once(probe, "close");
  return address.port;
}

/** Starts `cuelight serve` with this configuration file's text and waits until it answers. */
export async function startServer(config = ""): Promise<Server> {
  const data = mkdtempSync(join(tmpdir(), "cuelight-e2e-"));
  const file = join(data, "cuelight.yaml");
  writeFileSync(file, config);
  const [http, rtmp, srt, admin] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const args = [
    "serve",
    "--config",
    file,
    "--data",
    data,
    "--http",
    `127.0.0.1:${http}`,
    "--rtmp",
    `127.0.0.1:${rtmp}`,
  ];
  args.push("--srt", `127.0.0.1:${srt}`, "--rtsp", "off", "--webrtc", "off", "--admin", `127.0.0.1:${admin}`);
  const child = spawn(BINARY, args, { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  await ready(child, `http://127.0.0.1:${admin}/readyz`, () => log);

  const command = (...words: string[]) =>
    execFileSync(BINARY, [...words, "--data", data], { encoding: "utf8" }).trim();
  const web = `http://127.0.0.1:${http}`;
  const name = command("token", "publish", "--channel", CHANNEL);
  return {
    web,
    srt: `srt://127.0.0.1:${srt}?streamid=publish:${name}&pkt_size=1316`,
    rtmp: `rtmp://127.0.0.1:${rtmp}/live/${name}`,
    signIn: command("token", "producer", "--url", web),
    token: command("token", "producer"),
    log: () => log,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      const [code] = (await gone) as [number | null];
      rmSync(data, { recursive: true, force: true });
      return code;
    },
  };
}

export async function ready(child: ChildProcess, url: string, log: () => string): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${log()}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await delay(50);
  }
  child.kill("SIGKILL");
  throw new Error(`the server did not answer within ${START_TIMEOUT_MS} ms:\n${log()}`);
}

/** Waits until the channel has media, and returns the address of its multivariant playlist. */
export async function onAir(server: Server): Promise<string> {
  const index = `${server.web}/hls/${CHANNEL}/index.m3u8`;
  const deadline = performance.now() + START_TIMEOUT_MS;
  while ((await fetch(index)).status !== 200) {
    if (performance.now() > deadline) throw new Error(`there is no media:\n${server.log()}`);
    await delay(50);
  }
  return index;
}
