// Texts into sentences of tokens, and tokens into numbers, as rnnkit.text.sentences, .learned_tokenizer and .word_shape
// do it in Python.

const SHAPES = ["lower", "capital", "upper", "mixed", "digits", "with digits", "mark"];
const SPACE = String.raw`\p{White_Space}`;
const STARTS = String.raw`(?<![\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])`;
const BEFORE_NAMES =
  "Mr|Mrs|Ms|Dr|Prof|St|Mt|Gen|Col|Maj|Capt|Lt|Sgt|Rev|Hon|Sen|Rep|Gov|Pres|Messrs|Mme|Mlle|Fr|Hr|vs|cf|approx";
const BEFORE_NUMBERS =
  "No|Nos|Nr|Fig|Figs|Eq|Sec|Ch|Vol|Art|p|pp|al|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec";
const ABBREVIATION = [
  String.raw`(?<=${STARTS}(?:${BEFORE_NAMES}))\.${SPACE}`, // Dr. Smith
  String.raw`(?<=${STARTS}\p{L}\p{M}*)\.${SPACE}`, // J. Smith, U.S., e.g.
  String.raw`(?<=${STARTS}(?:${BEFORE_NUMBERS}))\.${SPACE}*\p{N}`, // Fig. 3
].join("|");
const SENTENCE_END = new RegExp(
  [
    String.raw`\n${SPACE}*\n`,
    String.raw`(?![!?])[\p{Sentence_Terminal}--[.\u2024\uFE52\uFF0E]]+["'\p{Pe}\p{Pf}]*`, // scripts without spaces
    String.raw`(?<![.!?…])(?!${ABBREVIATION})[.!?…]+["'\p{Pe}\p{Pi}\p{Pf}]*(?=${SPACE})(?!${SPACE}+\p{P}*\p{Ll})`,
  ].join("|"),
  "vg",
);

/** The tokens in lists, one for each sentence. */
function bySentence(text, tokens) {
  const ends = Array.from(text.matchAll(SENTENCE_END), (found) => found.index + found[0].length);
  const sentences = new Map();
  for (const token of tokens) {
    const number = ends.filter((end) => end <= token.start).length;
    sentences.set(number, [...(sentences.get(number) ?? []), token]);
  }
  return [...sentences.values()];
}

/** Tokens as the training data have them: neighbours are joined that were inside of one token there. */
function joinedTokens(text, joins) {
  const parts = tokenize(text);
  const found = [];
  parts.forEach((part, place) => {
    const joined = place > 0 && joins.size > 0 && belongs(parts, place, joins);
    const start = joined ? found.pop().start : part.start;
    found.push({ text: text.slice(start, part.end), start, end: part.end });
  });
  return found;
}

function belongs(parts, place, joins) {
  const touch = (left, right) => left && right && left.end === right.start;
  const [first, left, right, last] = [place - 2, place - 1, place, place + 1].map((each) => parts[each]);
  if (!touch(left, right)) return false;
  const around = [touch(first, left) ? first.text : "", left.text, right.text, touch(right, last) ? last.text : ""];
  const known = contexts(...around).find((each) => joins.has(each));
  return known !== undefined && joins.get(known);
}

/** What may decide whether `left` and `right` belong together, the most specific first. */
function contexts(before, left, right, after) {
  const shapes = [before, left, right, after].map(shapeOf);
  const spelled = [shapes[0], left, right, shapes[3]];
  return [spelled, ["=", left, right], shapes, shapes.slice(1), shapes.slice(1, 3)].map((each) => each.join(" "));
}

function shapeOf(part) {
  const name = part ? SHAPES[shapeNumber(part) - 1] : "mark";
  return name === "mark" ? part : `<${name}${[...part].length === 1 ? "1" : ""}>`;
}

const isLower = (text) => /\p{Lowercase}/v.test(text) && !/[\p{Uppercase}\p{Lt}]/v.test(text);
const isUpper = (character) => /^\p{Uppercase}$/v.test(character);
const isNumeric = (character) => /\p{N}/v.test(character) || MODEL.numeric.includes(character);

/** Which of `SHAPES` a word has, counted from 1. */
function shapeNumber(word) {
  const characters = [...word];
  const letters = characters.filter((each) => /\p{L}/v.test(each));
  const digits = characters.some(isNumeric);
  const name = () => {
    if (!letters.length) return digits ? "digits" : "mark";
    if (digits) return "with digits";
    if (isLower(word) || !letters.some(isUpper)) return "lower";
    if (letters.every(isUpper)) return letters.length > 1 ? "upper" : "capital";
    return isUpper(letters[0]) && isLower(letters.slice(1).join("")) ? "capital" : "mixed";
  };
  return 1 + SHAPES.indexOf(name());
}

/** The word with every digit as 0, and if asked in lower case. */
function folded(word, lowercase) {
  const same = word.replaceAll(/\p{N}/gv, "0");
  return lowercase ? same.toLowerCase() : same;
}

/** The numbers of a word's characters between two marks; of a long word the middle is left out. */
function spelled(word, characters, width) {
  const room = width - 2;
  const every = [...word];
  const end = Math.floor(room / 2);
  const kept = every.length <= room ? every : [...every.slice(0, room - end), ...every.slice(-end)];
  const numbers = characters.encode(["\x02", ...kept, "\x03"]);
  return [...numbers, ...Array(width - numbers.length).fill(PADDING)];
}
