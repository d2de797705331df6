/** Several nodes of the real binary on a real Redis, each with its own ports and its own folder. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { BINARY, CHANNEL, freePort, ready } from "./server.ts";

/** How long Redis may take until it answers. */
const REDIS_TIMEOUT_MS = 20_000;

export interface Node {
  readonly name: string;
  readonly web: string;
  /** Where ffmpeg pushes to, key included; empty on a node that takes no publishers. */
  readonly rtmp: string;
  /** What the node logged so far. */
  log(): string;
  /** Ends it as a power cut would, and waits until it is gone. Idempotent. */
  kill(): Promise<void>;
}

export interface Nodes {
  /** Starts a node and waits until viewers may be sent there. */
  start(name: string, roles: readonly string[]): Promise<Node>;
  /** A producer's token, good on every node. */
  token(): string;
  /** Ends everything. */
  stop(): Promise<void>;
}

/** Starts Redis. `config` is what the configuration files of all nodes have in common. */
export async function openNodes(config: string): Promise<Nodes> {
  const folder = mkdtempSync(join(tmpdir(), "cuelight-nodes-"));
  const port = await freePort();
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  args.push("--appendonly", "yes", "--appendfsync", "always");
  const redis = spawn("redis-server", args, { stdio: ["ignore", "ignore", "inherit"] });
  await listens(redis, port);
  const nodes: Node[] = [];
  const files: string[] = [];

  const command = (data: string, file: string, ...words: string[]) =>
    execFileSync(BINARY, [...words, "--data", data, "--config", file], { encoding: "utf8" }).trim();

  async function start(name: string, roles: readonly string[]): Promise<Node> {
    const data = join(folder, name);
    mkdirSync(data);
    const [http, rtmp, admin, node] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const takes = roles.includes("ingest");
    const file = join(folder, `${name}.yaml`);
    const own = [
      `secret: ${"k7".repeat(16)}`,
      `roles: [${roles.join(", ")}]`,
      `node: {id: ${name}, listen: "127.0.0.1:${node}"}`,
      `redis: {addresses: ["127.0.0.1:${port}"]}`,
      `http: "127.0.0.1:${http}"`,
      `admin: "127.0.0.1:${admin}"`,
      `rtmp: "${takes ? `127.0.0.1:${rtmp}` : "off"}"`,
      'srt: "off"\nrtsp: "off"\nwebrtc: "off"',
    ];
    writeFileSync(file, `${own.join("\n")}\n${config}`);
    files.push(file);
    const child = spawn(BINARY, ["serve", "--config", file, "--data", data], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log += text;
    });
    const made: Node = {
      name,
      web: `http://127.0.0.1:${http}`,
      rtmp: takes
        ? `rtmp://127.0.0.1:${rtmp}/live/${command(data, file, "token", "publish", "--channel", CHANNEL)}`
        : "",
      log: () => log,
      kill: () => end(child),
    };
    nodes.push(made);
    await ready(child, `http://127.0.0.1:${admin}/readyz`, () => log);
    return made;
  }

  return {
    start,
    token: () => command(folder, files[0] ?? "", "token", "producer"),
    stop: async () => {
      await Promise.all(nodes.map((node) => node.kill()));
      await end(redis);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Kills a process, and waits until it is gone. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** Waits until somebody takes connections on the port. */
async function listens(child: ChildProcess, port: number): Promise<void> {
  const deadline = performance.now() + REDIS_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
    const socket = connect(port, "127.0.0.1");
    const connected = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (connected) return;
    await delay(50);
  }
  await end(child);
  throw new Error(`redis-server did not answer within ${REDIS_TIMEOUT_MS} ms`);
}
