// A Chinese text -> sentences and characters, and what the network is told of each: apps/chinese_pos/sentences.py and
// lexicon.py in JavaScript, by the rules in vocabulary.json.

const [FREE, ENDS, GOES_ON] = [0, 1, 2]; // before a character: a word may end, ends, doesn't end
const [SPACE, LINE_END, ATTACHED, LETTER] = [1, 2, 3, 4]; // places in rules.kinds
const IDEOGRAPHS = "[\u3400-\u9fff]+"; // no piece begins with one: they are quickly passed over
const LONGEST_WORD = 5; // characters of the words that are looked up
const COLUMNS = 8; // of the features

/** Texts by the lexicon and the rules of vocabulary.json. */
export class ChineseText {
  /** content: vocabulary.json, parsed. */
  constructor({ tags, places, ids, rules, characters, pairs, words, twins, marks }) {
    Object.assign(this, { tags, places, ids, rules });
    const numbers = new Map(tags.map((tag, index) => [tag, index + 1]));
    this.characterIds = new Map(Array.from(characters, (character, index) => [character, index + ids.first]));
    this.pairIds = new Map(inTwos(pairs).map((pair, index) => [pair, index + ids.first]));
    this.twins = new Map(inTwos(twins).map((pair) => Array.from(pair)));
    this.known = new Map();
    for (const [tag, listed] of Object.entries(words)) {
      for (const word of listed.split(" ")) {
        if (word && Array.from(word).length <= LONGEST_WORD) this.known.set(word, numbers.get(tag));
      }
    }
    const kinds = Object.entries(rules.pieces.kinds);
    this.bounded = [false, ...kinds.map(([, known]) => known.includes("bounded"))];
    this.whole = [false, ...kinds.map(([, known]) => known.includes("whole"))];
    this.tagsOfPieces = [0, ...kinds.map(([name]) => numbers.get(marks[name]) ?? 0)];
    this.expression = new RegExp(`${IDEOGRAPHS}|${rules.pieces.expression}`, "gu");
    this.kindFrom = rules["kind from this code point on"];
    this.readAs = new Map(Object.entries(rules["read as"]));
    this.standIns = new Map(
      Object.entries(rules["unknown of a kind"]).map(([kind, character]) => [
        Number(kind),
        this.characterIds.get(character) ?? ids.unknown,
      ]),
    );
  }

  /** The kind of a code point, its place in rules.kinds. */
  kindOf(code) {
    let [low, high] = [0, this.kindFrom.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.kindFrom[middle][0] <= code) low = middle;
      else high = middle;
    }
    return this.kindFrom[low][1];
  }

  /** What a character is read as: full-width forms, the usual quotation marks. */
  shownAs(character) {
    const read = this.readAs.get(character) ?? character;
    const code = read.codePointAt(0);
    return code > 0x20 && code < 0x7f ? String.fromCodePoint(code + this.rules["full width"]) : read;
  }

  /** The kind of each code point's piece, 0 in none, and a number that changes wherever a piece begins or ends. */
  pieces(text, points) {
    const place = new Map(); // of UTF-16's units -> of code points
    let unit = 0;
    points.forEach((point, index) => {
      place.set(unit, index);
      unit += point.length;
    });
    place.set(unit, points.length);
    const kinds = new Uint8Array(points.length);
    const changes = new Int32Array(points.length + 1);
    for (const found of text.matchAll(this.expression)) {
      const kind = found.findIndex((group, index) => index > 0 && group !== undefined);
      if (kind < 0) continue;
      const [start, stop] = [place.get(found.index), place.get(found.index + found[0].length)];
      kinds.fill(kind, start, stop);
      changes[start]++;
      changes[stop]++;
    }
    for (let index = 1; index < changes.length; index++) changes[index] += changes[index - 1];
    return { kinds, numbers: changes };
  }

  /** The characters of a text, each with what is known of it; white space is in none of them. */
  read(text) {
    text = text.toWellFormed();
    const points = Array.from(text);
    const kinds = points.map((point) => this.kindOf(point.codePointAt(0)));
    const space = kinds.map((kind) => kind === SPACE || kind === LINE_END);
    const begins = points.map((point, index) => {
      const afterSpace = index === 0 || space[index - 1];
      const afterJoiner = index > 0 && points[index - 1].codePointAt(0) === this.rules.joiner;
      return !(!space[index] && !afterSpace && (kinds[index] === ATTACHED || afterJoiner));
    });
    const pieces = this.pieces(text, points);
    const found = [];
    let line = 0;
    for (let start = 0; start < points.length; ) {
      let end = start + 1;
      while (end < points.length && !begins[end]) end++;
      if (kinds[start] === LINE_END) line++;
      if (!space[start]) {
        const written = points.slice(start, end).join("");
        const [piece, number] = [pieces.kinds[start], pieces.numbers[start]];
        found.push({ start, end, written, read: this.shownAs(points[start]), kind: kinds[start], piece, number, line });
      }
      start = end;
    }
    return this.bordered(found);
  }

  /** Adds to each character whether it begins a sentence, whether it stands apart, and what is known of its border. */
  bordered(found) {
    const ends = (one) => this.rules["sentence ends"].includes(one.read);
    let since = 0;
    found.forEach((one, index) => {
      const before = found[index - 1];
      const inside = Boolean(before) && one.number === before.number && one.piece > 0;
      const inWhole = inside && this.whole[one.piece];
      one.first = !before || one.line !== before.line || (ends(before) && !ends(one) && !inWhole);
      if (one.first) since = index;
      one.first ||= (index - since) % this.rules["longest sentence"] === 0;
      one.apart = one.first || one.start !== before.end;
      const letters = before && one.kind === LETTER && before.kind === LETTER;
      one.border = inWhole || letters ? GOES_ON : FREE;
      if (!inside && (this.bounded[one.piece] || this.bounded[before?.piece ?? 0])) one.border = ENDS;
      if (one.apart) one.border = ENDS;
    });
    return found;
  }

  /** The sentences of a text: lists of characters with `features`, `border` and `knownTag`. */
  sentences(text) {
    const found = this.read(text);
    const simplified = found.map(({ read }) => this.twins.get(read) ?? read);
    const cuts = [...found.keys()].filter((index) => found[index].apart);
    cuts.forEach((start, number) => this.describe(found, simplified, start, cuts[number + 1] ?? found.length));
    const result = [];
    for (const one of found) {
      const across = one.features[4] > 1 || one.features[5] > 0; // a known word goes across, as in ＢＰ机
      if (across && !one.apart && one.border === ENDS) one.border = FREE;
      one.knownTag = this.tagsOfPieces[one.piece];
      if (one.first) result.push([]);
      result.at(-1).push(one);
    }
    return result;
  }

  /** The features of the characters from start to stop, between two places where a word ends for certain. */
  describe(found, simplified, start, stop) {
    const { unknown } = this.ids;
    const part = simplified.slice(start, stop);
    const around = [this.rules.boundary, ...part, this.rules.boundary];
    const pairs = around.slice(1).map((after, index) => this.pairIds.get(around[index] + after) ?? unknown);
    const columns = part.map((character, index) => {
      const features = new Int32Array(COLUMNS);
      const id = this.characterIds.get(character) ?? unknown;
      features[0] = id === unknown ? (this.standIns.get(found[start + index].kind) ?? unknown) : id;
      features[1] = pairs[index];
      features[2] = pairs[index + 1];
      found[start + index].features = features;
      return features;
    });
    for (let length = 1; length <= Math.min(LONGEST_WORD, part.length); length++) {
      for (let from = 0; from + length <= part.length; from++) {
        const tag = this.known.get(part.slice(from, from + length).join(""));
        if (!tag) continue;
        columns[from][3] |= 1 << (length - 1);
        columns[from + length - 1][4] |= 1 << (length - 1);
        for (let inner = from + 1; inner < from + length - 1; inner++) columns[inner][5] |= 1 << (length - 3);
        columns[from][6] = tag; // the longest comes last
        columns[from + length - 1][7] = tag;
      }
    }
  }
}

function inTwos(text) {
  const points = Array.from(text);
  return Array.from({ length: points.length / 2 }, (_, index) => points[2 * index] + points[2 * index + 1]);
}

/**
 * The best possible labels of a sentence -> its words, [[first, last, tag], ...] with last behind the word.
 *
 * scores: Float32Array, a row of places * tags for each character, places B, I, E, S; equally good sequences are chosen
 * from as apps/chinese_pos/decoding.py does.
 */
export function decode(sentence, scores, tags) {
  const [BEGIN, INSIDE, END, SINGLE] = [0, 1, 2, 3];
  const score = (index, place, tag) => {
    const { border, knownTag } = sentence[index];
    const excluded =
      (border === ENDS && (place === INSIDE || place === END)) ||
      (border === GOES_ON && (place === BEGIN || place === SINGLE)) ||
      (knownTag && tag !== knownTag - 1);
    return excluded ? -Infinity : scores[(index * 4 + place) * tags + tag];
  };
  let going = new Float32Array(tags).fill(-Infinity); // the best that goes to B or I of each tag
  let ended = 0; // the best that goes to E or S
  const closing = [];
  const inside = [];
  for (let index = 0; index < sentence.length; index++) {
    let [best, label] = [-Infinity, 0];
    for (const [way, place] of [END, SINGLE].entries()) {
      for (let tag = 0; tag < tags; tag++) {
        const value = Math.fround(score(index, place, tag) + (place === END ? going[tag] : ended));
        if (value > best) [best, label] = [value, way * tags + tag];
      }
    }
    const next = new Float32Array(tags);
    inside.push(new Uint8Array(tags));
    for (let tag = 0; tag < tags; tag++) {
      const on = Math.fround(score(index, INSIDE, tag) + going[tag]);
      const begun = Math.fround(score(index, BEGIN, tag) + ended);
      inside[index][tag] = on > begun;
      next[tag] = Math.max(on, begun);
    }
    closing.push(label);
    [going, ended] = [next, best];
  }
  const words = [];
  for (let place = sentence.length - 1; place >= 0; place--) {
    const [tag, last] = [closing[place] % tags, place + 1];
    if (closing[place] < tags) for (place--; inside[place][tag]; ) place--;
    words.unshift([place, last, tag]);
  }
  return words;
}
