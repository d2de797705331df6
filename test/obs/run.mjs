// Debian's OBS Studio, in a virtual screen, pushes to the real server by RTMP,
// then by SRT. Installs OBS through apt. Run it with `make test-obs`; what
// came of it is in docs/broadcast.md.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = join(ROOT, "bin", "cuelight");
const SHOTS = join(ROOT, "artifacts", "obs");
const LIVE_MS = 90_000; // OBS draws in software here
const WATCH_MS = 25_000;

function has(command) {
  try {
    execFileSync("sh", ["-c", `command -v ${command}`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

function install() {
  const packages = ["obs-studio", "obs-plugins", "xvfb", "libgl1-mesa-dri", "imagemagick", "xdotool"];
  if (["obs", "Xvfb", "import", "xdotool"].every(has)) return;
  if (!has("apt-get")) throw new Error(`install these first: ${packages.join(" ")}`);
  console.log(`installing ${packages.join(" ")} through apt (some minutes)`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  execFileSync("apt-get", ["update", "-qq"], { stdio: "inherit", env });
  execFileSync("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...packages], {
    stdio: ["ignore", "ignore", "inherit"],
    env,
  });
}

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address();
  probe.close();
  await once(probe, "close");
  return port;
}

/** What a person sets in OBS: Settings → Stream and Settings → Output. */
function writeProfile(home, service, clip) {
  const config = join(home, ".config", "obs-studio");
  const profile = join(config, "basic", "profiles", "Cuelight");
  const scenes = join(config, "basic", "scenes");
  mkdirSync(profile, { recursive: true });
  mkdirSync(scenes, { recursive: true });
  writeFileSync(
    join(config, "global.ini"),
    [
      "[General]",
      "FirstRun=true",
      "LastVersion=486539266",
      "Pre19Defaults=false",
      "Pre21Defaults=false",
      "Pre23Defaults=false",
      "Pre24.1Defaults=false",
      "EnableAutoUpdates=false",
      "[Basic]",
      "Profile=Cuelight",
      "ProfileDir=Cuelight",
      "SceneCollection=Cuelight",
      "SceneCollectionFile=Cuelight",
      "ConfigOnNewProfile=false",
      "",
    ].join("\n"),
  );
  writeFileSync(
    join(profile, "basic.ini"),
    [
      "[General]",
      "Name=Cuelight",
      "[Video]",
      "BaseCX=1280",
      "BaseCY=720",
      "OutputCX=640",
      "OutputCY=360",
      "FPSType=0",
      "FPSCommon=30",
      "[Output]",
      "Mode=Advanced",
      "[AdvOut]",
      "Encoder=obs_x264",
      "TrackIndex=1",
      "ApplyServiceSettings=true",
      "[Audio]",
      "SampleRate=48000",
      "",
    ].join("\n"),
  );
  writeFileSync(
    join(profile, "streamEncoder.json"),
    JSON.stringify({
      rate_control: "CBR",
      bitrate: 1200,
      keyint_sec: 2,
      preset: "ultrafast",
      profile: "main",
    }),
  );
  writeFileSync(
    join(profile, "service.json"),
    JSON.stringify({ type: "rtmp_custom", settings: { bwtest: false, use_auth: false, ...service } }),
  );
  writeFileSync(join(scenes, "Cuelight.json"), JSON.stringify(sceneCollection(clip)));
}

/** One scene: a clip with a moving picture and a tone, in a loop. */
function sceneCollection(clip) {
  const picture = {
    id: "ffmpeg_source",
    versioned_id: "ffmpeg_source",
    name: "Clip",
    settings: { local_file: clip, looping: true, hw_decode: false },
    enabled: true,
    mixers: 255,
  };
  const item = {
    name: "Clip",
    id: 1,
    visible: true,
    pos: { x: 0, y: 0 },
    scale: { x: 1, y: 1 },
    bounds: { x: 0, y: 0 },
  };
  const scene = { id: "scene", name: "Studio", settings: { id_counter: 1, items: [item] }, enabled: true };
  return {
    name: "Cuelight",
    current_scene: "Studio",
    current_program_scene: "Studio",
    scene_order: [{ name: "Studio" }],
    sources: [picture, scene],
  };
}

async function startServer(folder) {
  const [http, rtmp, srt] = await Promise.all([freePort(), freePort(), freePort()]);
  const at = (port) => `127.0.0.1:${port}`;
  const args = ["serve", "--data", folder, "--http", at(http), "--rtmp", at(rtmp), "--srt", at(srt)];
  args.push("--rtsp", "off", "--admin", "off");
  const child = spawn(BINARY, args, { stdio: ["ignore", "ignore", "inherit"] });
  const web = `http://${at(http)}`;
  for (let tries = 0; !(await fetch(web).catch(() => undefined))?.ok; tries++) {
    if (tries > 200 || child.exitCode !== null) throw new Error("the server does not answer");
    await delay(50);
  }
  const ask = (...words) => execFileSync(BINARY, [...words, "--data", folder], { encoding: "utf8" }).trim();
  return {
    child,
    web,
    rtmp: at(rtmp),
    srt: at(srt),
    key: ask("token", "publish"),
    token: ask("token", "producer"),
  };
}

async function startScreen() {
  const display = `:${90 + (process.pid % 100)}`;
  const child = spawn("Xvfb", [display, "-screen", "0", "1280x800x24", "-nolisten", "tcp"], {
    stdio: "ignore",
  });
  await delay(1500);
  return { child, display };
}

function startOBS(home, display) {
  return spawn(
    "obs",
    ["--multi", "--startstreaming", "--profile", "Cuelight", "--collection", "Cuelight", "--disable-updater"],
    {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
      env: {
        ...process.env,
        HOME: home,
        DISPLAY: display,
        LIBGL_ALWAYS_SOFTWARE: "1",
        QT_QPA_PLATFORM: "xcb",
        XDG_CONFIG_HOME: join(home, ".config"),
        XDG_RUNTIME_DIR: home,
      },
    },
  );
}

async function health(server) {
  const answer = await fetch(`${server.web}/api/v1/channels/show`, {
    headers: { Authorization: `Bearer ${server.token}` },
  });
  if (!answer.ok) throw new Error(`the API answers ${answer.status}`);
  return answer.json();
}

async function gone(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  try {
    process.kill(-child.pid, "SIGTERM");
  } catch {
    child.kill("SIGTERM");
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await exit;
  clearTimeout(timer);
}

function makeClip(file) {
  const inputs = [
    "-f",
    "lavfi",
    "-i",
    "testsrc2=size=1280x720:rate=30",
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440",
  ];
  const coding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"];
  execFileSync("ffmpeg", ["-loglevel", "error", "-y", ...inputs, "-t", "10", ...coding, file]);
}

/** One protocol: OBS streams, the channel goes live and stays so. */
async function push(name, server, service) {
  const home = mkdtempSync(join(tmpdir(), "cuelight-obs-"));
  writeProfile(home, service, clip);
  const screen = await startScreen();
  const obs = startOBS(home, screen.display);
  let log = "";
  for (const stream of [obs.stdout, obs.stderr])
    stream.setEncoding("utf8").on("data", (text) => (log += text));
  const began = performance.now();
  try {
    let state = await health(server);
    while (!state.live) {
      if (performance.now() - began > LIVE_MS || obs.exitCode !== null) {
        throw new Error(`${name}: not live after ${LIVE_MS / 1000} s; OBS says:\n${log.slice(-3000)}`);
      }
      await delay(250);
      state = await health(server);
    }
    const live = (performance.now() - began) / 1000;
    console.log(`${name}: live ${live.toFixed(1)} s after OBS was started`);
    await delay(WATCH_MS);
    state = await health(server);
    execFileSync("import", ["-display", screen.display, "-window", "root", join(SHOTS, `${name}.png`)]);
    console.log(JSON.stringify(state, null, 2));
    if (!state.live) throw new Error(`${name}: no longer live after ${WATCH_MS / 1000} s`);
    if (!/^H\.264 640×360 30 fps/.test(state.video)) throw new Error(`${name}: video is ${state.video}`);
    if (!/^AAC 48 kHz stereo/.test(state.audio)) throw new Error(`${name}: audio is ${state.audio}`);
    if (Math.abs(state.gop_s - 2) > 0.2) throw new Error(`${name}: key frames every ${state.gop_s} s`);
  } finally {
    await gone(obs);
    await gone(screen.child);
    writeFileSync(join(SHOTS, `${name}.log`), log);
    rmSync(home, { recursive: true, force: true });
  }
  const offAt = performance.now();
  while ((await health(server)).live) {
    if (performance.now() - offAt > 20_000) throw new Error(`${name}: still live 20 s after OBS ended`);
    await delay(250);
  }
}

install();
mkdirSync(SHOTS, { recursive: true });
const data = mkdtempSync(join(tmpdir(), "cuelight-obs-data-"));
const clip = join(data, "clip.mp4");
makeClip(clip);
const server = await startServer(data);
let failed = 0;
try {
  for (const [name, service] of [
    ["rtmp", { server: `rtmp://${server.rtmp}/live`, key: server.key }],
    ["srt", { server: `srt://${server.srt}?streamid=publish:${server.key}&pkt_size=1316`, key: "" }],
  ]) {
    try {
      await push(name, server, service);
      console.log(`${name}: passed`);
    } catch (err) {
      failed++;
      console.error(`${name}: failed: ${err.message}`);
    }
  }
} finally {
  await gone(server.child);
  rmSync(data, { recursive: true, force: true });
}
console.log(`${2 - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
