// Entities in a text, sentence by sentence: the best path of the tags, and the probability of each entity.

const vocabulary = new Vocabulary(MODEL.words);
const characters = new Vocabulary(MODEL.characters);
const joins = new Map(Object.entries(MODEL.joins));
const TAGS = MODEL.tags.map((tag) => ({ letter: tag[0], type: tag.slice(2) }));
const OUTSIDE = { letter: "O", type: "" };

const parted = (before, tag) => before.type !== tag.type || "ES".includes(before.letter) || "BS".includes(tag.letter);
const goesOn = (before, tag) => tag.letter !== "O" && !parted(before, tag);

/** The network's inputs for the words of one sentence. */
function inputs(words) {
  const given = {
    tokens: ["int32", [1, words.length], Int32Array.from(vocabulary.encode(words.map((word) => folded(word, MODEL.lowercase))))],
    shapes: ["int32", [1, words.length], Int32Array.from(words.map(shapeNumber))],
    lengths: ["int32", [1], Int32Array.of(words.length)],
  };
  if (MODEL.width === null) return given;
  const rows = words.flatMap((word) => spelled(word, characters, MODEL.width));
  return { ...given, characters: ["int32", [1, words.length, MODEL.width], Int32Array.from(rows)] };
}

/** The scores of tag j after tag i at each step: a function of (step, i, j). Logits score all moves to a tag the same. */
function potentials(found) {
  const count = TAGS.length;
  if (found.dims.length === 3) return (step, _, tag) => found.data[step * count + tag];
  return (step, before, tag) => found.data[(step * count + before) * count + tag];
}

const logSum = (scores) => {
  const top = Math.max(...scores);
  return top === -Infinity ? top : top + Math.log(scores.reduce((sum, each) => sum + Math.exp(each - top), 0));
};
const argmax = (scores) => scores.indexOf(Math.max(...scores));
const every = TAGS.map((_, tag) => tag);

/** The best tags of a sentence (Viterbi). */
function bestPath(score, steps) {
  let best = every.map((tag) => score(0, 0, tag));
  const origins = [];
  for (let step = 1; step < steps; step++) {
    const paths = every.map((tag) => every.map((before) => best[before] + score(step, before, tag)));
    origins.push(paths.map(argmax));
    best = paths.map((each) => Math.max(...each));
  }
  return origins.reduceRight((path, origin) => [origin[path[0]], ...path], [argmax(best)]);
}

/** The log of the summed scores of all paths up to each tag of each step, and from it on. */
function sums(score, steps) {
  const until = [every.map((tag) => score(0, 0, tag))];
  const from = [every.map(() => 0)];
  for (let step = 1; step < steps; step++) {
    until.push(every.map((tag) => logSum(every.map((before) => until[step - 1][before] + score(step, before, tag)))));
    const last = steps - step;
    from.unshift(every.map((before) => logSum(every.map((tag) => score(last, before, tag) + from[0][tag]))));
  }
  return { until, from };
}

/** The entities of a sentence's best path: [{type, start, end, score}], start and end counted in tokens. */
function spans(score, steps) {
  const path = bestPath(score, steps);
  const { until, from } = sums(score, steps);
  const found = [];
  let start = 0;
  for (let place = 0; place <= steps; place++) {
    const [before, tag] = [TAGS[path[place - 1]] ?? OUTSIDE, TAGS[path[place]] ?? OUTSIDE];
    if (before.letter !== "O" && parted(before, tag)) {
      const chance = Math.exp(spanScore(score, steps, path, start, place, until, from) - logSum(until[steps - 1]));
      found.push({ type: before.type, start, end: place, score: chance });
    }
    if (tag.letter !== "O" && parted(before, tag)) start = place;
  }
  return found;
}

/** The log of the summed scores of all paths with exactly this entity. */
function spanScore(score, steps, path, start, end, until, from) {
  const [first, last] = [path[start], path[end - 1]];
  const openers = every.filter((tag) => !goesOn(TAGS[tag], TAGS[first]));
  const closers = every.filter((tag) => !goesOn(TAGS[last], TAGS[tag]));
  let sum = start === 0 ? score(0, 0, first) : logSum(openers.map((tag) => until[start - 1][tag] + score(start, tag, first)));
  for (let step = start + 1; step < end; step++) sum += score(step, path[step - 1], path[step]);
  return end === steps ? sum : sum + logSum(closers.map((tag) => score(end, last, tag) + from[end][tag]));
}

/** The entities of a text: [{text, type, start, end, score}], places in UTF-16 units. */
async function entities(text) {
  const found = [];
  for (const tokens of bySentence(text, joinedTokens(text, joins))) {
    const score = potentials(await scores(inputs(tokens.map((token) => token.text))));
    for (const span of spans(score, tokens.length)) {
      const [start, end] = [tokens[span.start].start, tokens[span.end - 1].end];
      found.push({ ...span, text: text.slice(start, end), start, end });
    }
  }
  return found;
}

const colorOf = (type) => color(MODEL.types.indexOf(type));

async function answer(text) {
  const found = await entities(text);
  const parts = [];
  let place = 0;
  for (const { start, end, type, text: named, score } of found) {
    const label = element("small", {}, type);
    parts.push(text.slice(place, start), element("mark", { style: `--type:${colorOf(type)}`, title: percent(score) }, named, label));
    place = end;
  }
  marked.replaceChildren(...parts, text.slice(place));
  const row = ({ text: named, type, score }) =>
    element("tr", {}, element("td", {}, named), element("td", {}, type), element("td", { class: "number" }, score.toFixed(6)));
  body.replaceChildren(...found.map(row));
  table.hidden = !found.length;
}

const marked = element("p", { class: "marked", "aria-live": "polite" });
const body = element("tbody");
const heads = ["entity", "type", "probability"].map((name, place) => element("th", place === 2 ? { class: "number" } : {}, name));
const table = element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body));
document.getElementById("main").append(marked, table);
const page = textField("Type a text", "Ada Lovelace lived in London. Dr. Charles Babbage worked for her.", answer);
