// Texts into words and numbers, as rnnkit.text.tokenizer and rnnkit.text.vocabulary do it in Python.

const UNSPACED = String.raw`[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\u{1173A}\u{1173B}[[\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}\p{sc=Tai_Le}\p{sc=New_Tai_Lue}\p{sc=Tai_Tham}\p{sc=Tai_Viet}\p{sc=Ahom}]&&[[\p{L}\p{M}]--\u1A7F]]]`;
const WORD = String.raw`[[\p{L}\p{M}\p{N}_]--${UNSPACED}]`;
const WORD_ENDS = String.raw`(?![\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}])`;
const KINDS = [
  String.raw`${WORD}+(?=[nN]['’][tT]${WORD_ENDS})`, // "do" in "don't"
  String.raw`[nN]['’][tT]${WORD_ENDS}`,
  String.raw`['’](?:[sS]|[rR][eE]|[vV][eE]|[lL][lL]|[dD]|[mM])${WORD_ENDS}`,
  String.raw`(?=(?<number>\p{N}+(?:[.,:]\p{N}+)*))\k<number>(?!${WORD})`, // 1,000.50; the look-ahead never gives back
  String.raw`${WORD}+`,
  String.raw`\.{2,}|-{2,}`,
];
const TOKEN = new RegExp(KINDS.join("|"), "vy");
const BLANK = /\p{White_Space}/v;
const PADDING = 0, UNKNOWN = 1;

/** The words of a text: [{text, start, end}], places in UTF-16 units. */
function tokenize(text) {
  const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" }).segment(text);
  const tokens = [];
  let place = 0;
  while (place < text.length) {
    TOKEN.lastIndex = place;
    const found = TOKEN.exec(text);
    let end = place;
    if (found) {
      end = TOKEN.lastIndex;
    } else if (BLANK.test(text[place])) {
      place += 1;
      continue;
    } else {
      const { index, segment } = graphemes.containing(place); // any other character, with all that belongs to it
      end = index + segment.length;
    }
    tokens.push({ text: text.slice(place, end), start: place, end });
    place = end;
  }
  return tokens;
}

/** Words to numbers; words that are not in the list are 1. */
class Vocabulary {
  constructor(words) {
    this.numbers = new Map(words.map((word, place) => [word, place + 2]));
  }

  encode(words) {
    return words.map((word) => this.numbers.get(word) ?? UNKNOWN);
  }
}
