// Music, drawn frame by frame from the network, played and shown as it comes.

const KEYS = 88, LOWEST = 21; // the MIDI pitch of the first key
const AHEAD = 0.4, TAIL = 0.08; // seconds that are drawn before they sound, and that a note fades
const TRIES = 50; // to draw another frame, where one has lasted for as long as it may
const step = new Stepper();

const silence = () => new Int8Array(KEYS);
const sounding = (frame) => [...frame.keys()].filter((key) => frame[key]);
const chance = (odds) => 1 / (1 + Math.exp(-odds));

/** A frame after the frame `before`: keys from low to high, each given those below it. */
async function drawFrame(before) {
  const frame = silence();
  let odds = await step.scores({ roll: before, frame });
  for (const key of MODEL.playable) {
    if (sounding(frame).length >= MODEL.max_notes || Math.random() >= chance(odds[key])) continue;
    frame[key] = 1;
    if ("frame" in MODEL.inputs) odds = await step.scores({ roll: before, frame });
  }
  return frame;
}

/** Frames without end; none lasts longer than those of the training data do. */
async function* frames() {
  step.reset();
  for (let before = silence(), held = 0; ; ) {
    const most = sounding(before).length ? MODEL.max_hold : MODEL.max_silence;
    const same = (frame) => frame.every((value, key) => value === before[key]);
    let frame = await drawFrame(before);
    for (let tries = 0; held >= most && same(frame) && tries < TRIES; tries++) frame = await drawFrame(before);
    held = same(frame) ? held + 1 : 1;
    step.next();
    before = frame;
    yield frame;
  }
}

/** Lets a key sound in an audio context from a time on; returns what ends it at another. */
function sound(context, out, key, start) {
  const tone = new OscillatorNode(context, { type: "triangle", frequency: 440 * 2 ** ((key + LOWEST - 69) / 12) });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setTargetAtTime(0.2, start, 0.008);
  volume.gain.setTargetAtTime(0.08, start + 0.05, 0.4);
  tone.connect(volume).connect(out);
  tone.start(start);
  return (end) => {
    volume.gain.setTargetAtTime(0, end, TAIL / 4);
    tone.stop(end + TAIL);
  };
}

/** Plays frames in an audio context from `start` on, each as long as the model's grid has it. */
class Player {
  constructor(context, start) {
    this.context = context;
    this.time = start;
    this.out = new DynamicsCompressorNode(context);
    this.out.connect(context.destination);
    this.notes = new Map();
  }

  play(frame) {
    for (const [key, end] of this.notes) {
      if (frame[key]) continue;
      end(this.time);
      this.notes.delete(key);
    }
    for (const key of sounding(frame)) if (!this.notes.has(key)) this.notes.set(key, sound(this.context, this.out, key, this.time));
    this.time += MODEL.seconds;
  }
}

const COLUMN = 6, ROW = 3; // pixels of a frame and a key

/** Draws the last frames of a piece. */
function show(piece) {
  const pen = roll.getContext("2d");
  const shown = piece.slice(-Math.floor(roll.width / COLUMN));
  pen.clearRect(0, 0, roll.width, roll.height);
  pen.fillStyle = getComputedStyle(roll).color;
  shown.forEach((frame, place) => {
    for (const key of sounding(frame)) pen.fillRect(place * COLUMN, (KEYS - 1 - key) * ROW, COLUMN, ROW);
  });
}

let playing = null; // the audio context

async function start() {
  const context = (playing = new AudioContext());
  const player = new Player(context, context.currentTime + AHEAD);
  const piece = [];
  button.textContent = "Stop";
  for await (const frame of frames()) {
    if (playing !== context) break;
    player.play(frame);
    piece.push(frame);
    show(piece);
    await new Promise((resolve) => setTimeout(resolve, 1000 * (player.time - context.currentTime - AHEAD)));
  }
}

function stop() {
  playing.close();
  playing = null;
  button.textContent = "Play a new piece";
}

const button = element("button", { type: "button" }, "Play a new piece");
const roll = element("canvas", { class: "roll", width: 1008, height: KEYS * ROW, role: "img", "aria-label": "Piano roll of what is played" });
button.addEventListener("click", () => (playing ? stop() : start().catch(failed)));
document.getElementById("main").append(button, roll);
