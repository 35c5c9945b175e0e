// What all pages share: the network in onnxruntime-web, elements, and a field whose text is answered as it is typed.

const bytes = (base64) => Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
const inflated = (base64) =>
  new Response(new Blob([bytes(base64)]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();

async function openNetwork() {
  ort.env.wasm.numThreads = 1; // more need a server that isolates the page
  ort.env.wasm.wasmBinary = await inflated(RUNTIME.binary);
  const module = new Blob([RUNTIME.module], { type: "text/javascript" });
  ort.env.wasm.wasmPaths = { mjs: URL.createObjectURL(module) };
  return ort.InferenceSession.create(new Uint8Array(await inflated(MODEL.network)));
}

const opened = openNetwork();
const ready = opened.then(() => status(""), failed); // what a page still waits for: its network, then its answers

/** The network's outputs by name, for inputs {name: [type, shape, data]}. */
async function run(inputs) {
  const tensors = Object.entries(inputs).map(([name, [type, shape, data]]) => [name, new ort.Tensor(type, data, shape)]);
  return (await opened).run(Object.fromEntries(tensors));
}

/** The only output of a network for whole sequences: {dims, data}. */
const scores = async (inputs) => Object.values(await run(inputs))[0];

const status = (text) => (document.getElementById("status").textContent = text);

function failed(error) {
  status(`This does not work here: ${error.message ?? error}`);
  throw error;
}

/** An element with attributes, and with children that are elements or text. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const color = (number) => `var(--c${number % 8})`;

/** Puts a text field on the page; `answer(text)` is called with each new text, never twice at a time. */
function textField(label, text, answer) {
  const field = element("textarea", { id: "text", rows: 3, spellcheck: "false", autocomplete: "off" });
  let last = ready;
  const answered = () => {
    const given = field.value;
    last = last.then(() => (given === field.value ? answer(given) : null)).catch(failed); // only the newest counts
  };
  field.value = text;
  field.addEventListener("input", answered);
  document.getElementById("main").prepend(element("label", { for: "text" }, label), field);
  answered();
  return { field, settled: () => last };
}
