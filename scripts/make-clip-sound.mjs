/**
 * The sound of the demo clip: a soft pad, and a chime every four seconds. Made
 * only of tones that fit whole periods into the loop and of tails that wrap
 * round its end, so it has no seam.
 */

const CHIME_EVERY = 4;

const db = (level) => 10 ** (level / 20);

// An open A chord: no third in the bass, so it stays calm on small speakers.
const PAD = [
  { hz: 110, level: db(-40), breaths: 2, pan: 0.5 },
  { hz: 164.8, level: db(-42), breaths: 3, pan: 0.3 },
  { hz: 220, level: db(-43), breaths: 1, pan: 0.7 },
  { hz: 277.2, level: db(-47), breaths: 4, pan: 0.4 },
  { hz: 329.6, level: db(-48), breaths: 5, pan: 0.6 },
];

// One chime per quarter of the loop; the highest marks its beginning.
const CHIMES = [880, 554.4, 659.3, 554.4];
const PARTIALS = [
  { ratio: 1, level: db(-29), decay: 0.9 },
  { ratio: 2.0, level: db(-38), decay: 0.5 },
  { ratio: 3.01, level: db(-44), decay: 0.25 },
];

/** One loop of interleaved stereo samples, -1..1. */
export function soundLoop({ rate, seconds }) {
  const length = rate * seconds;
  const out = new Float32Array(length * 2);
  for (const voice of PAD) addPad(out, voice, { rate, seconds });
  for (let i = 0; i * CHIME_EVERY < seconds; i++) {
    addChime(out, CHIMES[i % CHIMES.length], { rate, at: i * CHIME_EVERY * rate });
  }
  return out;
}

function addPad(out, { hz, level, breaths, pan }, { rate, seconds }) {
  const cycles = Math.round(hz * seconds); // a whole number of periods in the loop
  const length = rate * seconds;
  for (let i = 0; i < length; i++) {
    const turn = (2 * Math.PI * i) / length;
    const swell = 0.7 - 0.3 * Math.cos(turn * breaths);
    const v = level * swell * Math.sin(turn * cycles);
    out[2 * i] += v * Math.sqrt(1 - pan) * Math.SQRT2;
    out[2 * i + 1] += v * Math.sqrt(pan) * Math.SQRT2;
  }
}

function addChime(out, hz, { rate, at }) {
  const frames = out.length / 2;
  const tail = 4 * rate;
  for (let i = 0; i < tail; i++) {
    const t = i / rate;
    const attack = Math.min(1, t / 0.004); // without it every chime would click
    let v = 0;
    for (const { ratio, level, decay } of PARTIALS) {
      v += level * Math.exp(-t / decay) * Math.sin(2 * Math.PI * hz * ratio * t);
    }
    v *= attack * (1 - i / tail);
    const at2 = 2 * ((at + i) % frames);
    out[at2] += v;
    out[at2 + 1] += v;
  }
}
