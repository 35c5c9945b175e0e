// The probability of each class after each word: what the network says of the text so far.

const BATCH = 32; // beginnings of the text in one call of the network
const vocabulary = new Vocabulary(MODEL.words);
let known = { words: [], rows: [] }; // of the last text

function split(text) {
  const words = tokenize(text).map((each) => (MODEL.lowercase ? each.text.toLowerCase() : each.text));
  return words.slice(0, MODEL.max_length ?? words.length);
}

/** Rows of probabilities, one for each word; those of words that were there before are kept. */
async function probabilities(words) {
  const changed = words.findIndex((word, place) => word !== known.words[place]);
  const rows = known.rows.slice(0, changed < 0 ? words.length : changed);
  const numbers = vocabulary.encode(words);
  while (rows.length < words.length) rows.push(...(await beginnings(numbers, rows.length + 1)));
  known = { words, rows };
  return rows;
}

/** The rows of up to `BATCH` beginnings of the text, the shortest of `first` words. */
async function beginnings(numbers, first) {
  const longest = Math.min(numbers.length, first + BATCH - 1);
  const lengths = Array.from({ length: longest - first + 1 }, (_, place) => first + place);
  const tokens = new Int32Array(lengths.length * longest);
  lengths.forEach((length, row) => tokens.set(numbers.slice(0, length), row * longest));
  const found = await scores({
    tokens: ["int32", [lengths.length, longest], tokens],
    lengths: ["int32", [lengths.length], Int32Array.from(lengths)],
  });
  const classes = found.dims[1];
  return lengths.map((_, row) => Array.from(found.data.slice(row * classes, (row + 1) * classes)));
}

async function answer(text) {
  const words = split(text);
  const rows = await probabilities(words);
  tiles.replaceChildren(...(rows.length ? MODEL.labels.map((label, place) => tile(label, rows.at(-1)[place])) : []));
  chart.replaceChildren(...words.map((word, place) => column(word, rows[place])));
  table.hidden = legend.hidden = !rows.length;
  body.replaceChildren(...words.map((word, place) => tableRow(word, rows[place])));
}

const tile = (label, share) => element("div", {}, element("dt", {}, String(label)), element("dd", {}, percent(share)));

function column(word, row) {
  const parts = row.map((share, place) => element("i", { style: `height:${100 * share}%;background:${color(place)}` }));
  const said = row.map((share, place) => `${MODEL.labels[place]} ${percent(share)}`).join(", ");
  return element("span", { title: `${word}: ${said}` }, element("b", {}, ...parts.reverse()), word);
}

const tableRow = (word, row) =>
  element("tr", {}, element("td", {}, word), ...row.map((share) => element("td", { class: "number" }, share.toFixed(6))));

const heads = ["after", ...MODEL.labels].map((label, place) => element("th", place ? { class: "number" } : {}, String(label)));
const tiles = element("dl", { class: "tiles", "aria-live": "polite" });
const legend = element("ul", { class: "legend" });
const chart = element("div", { class: "words" });
const body = element("tbody");
const table = element("details", {}, element("summary", {}, "All numbers"));

MODEL.labels.forEach((label, place) =>
  legend.append(element("li", {}, element("i", { class: "block", style: `color:${color(place)}` }), String(label))));
table.append(element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body)));
document.getElementById("main").append(tiles, legend, chart, table);
const page = textField("Type a text", "It is not bad at all, though far too long.", answer);
