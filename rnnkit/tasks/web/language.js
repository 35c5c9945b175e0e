// Text that the network writes after a prompt, character by character or byte by byte.

const RESERVED = 4, UNKNOWN_TOKEN = 1, END = 3;
const MOST = 1000; // tokens of a text
const step = new Stepper();
const numbers = new Map(MODEL.entries.map((entry, place) => [entry, place + RESERVED]));

function encode(text) {
  const read = MODEL.lowercase ? text.toLowerCase() : text;
  if (MODEL.kind === "bytes") return Array.from(new TextEncoder().encode(read), (each) => each + RESERVED);
  return Array.from(read, (each) => numbers.get(each) ?? UNKNOWN_TOKEN);
}

function decode(tokens) {
  if (MODEL.kind === "bytes") return new TextDecoder().decode(Uint8Array.from(tokens, (each) => each - RESERVED));
  return tokens.map((each) => MODEL.entries[each - RESERVED] ?? "\uFFFD").join("");
}

/** The probabilities of the token after the next one, which is read. */
async function after(token) {
  const logits = await step.scores({ tokens: [token] });
  step.next();
  const top = Math.max(...logits);
  const powers = Array.from(logits, (each, number) => (number < END ? 0 : Math.exp((each - top) / Number(temperature.value))));
  const sum = powers.reduce((total, each) => total + each, 0);
  return powers.map((each) => each / sum);
}

function drawn(probabilities) {
  let left = Math.random();
  return probabilities.findIndex((each) => (left -= each) < 0);
}

/** Token by token what comes after a prompt, up to the end that the network sets. */
async function* written(prompt) {
  step.reset();
  let probabilities = await after(END);
  for (const token of encode(prompt)) probabilities = await after(token);
  for (let count = 0; count < MOST; count++) {
    const token = drawn(probabilities);
    if (token <= END) return; // -1 where rounding leaves none
    yield token;
    probabilities = await after(token);
  }
}

let writing = 0; // the number of the text that is written

async function write() {
  const own = ++writing;
  const tokens = [];
  button.textContent = "Stop";
  for await (const token of written(field.value)) {
    if (own !== writing) return;
    tokens.push(token);
    output.replaceChildren(element("b", {}, field.value), decode(tokens));
    if (tokens.length % 8 === 0) await new Promise((resolve) => setTimeout(resolve)); // so that it is shown
  }
  stop();
}

function stop() {
  writing += 1;
  button.textContent = "Write";
}

const field = element("textarea", { id: "text", rows: 2, spellcheck: "false" });
const temperature = element("input", { id: "temperature", type: "range", min: 0.2, max: 1.5, step: 0.05, value: 0.8 });
const button = element("button", { type: "button" }, "Write");
const output = element("p", { class: "marked", "aria-live": "off" });
button.addEventListener("click", () => (button.textContent === "Stop" ? stop() : write().catch(failed)));
document.getElementById("main").append(
  element("label", { for: "text" }, "What the text begins with; it may be empty"), field,
  element("label", { for: "temperature" }, "Temperature: plain to bold"), temperature, button, output,
);
