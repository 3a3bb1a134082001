// The model of apps/word_reversal, by its signatures for words padded to the longest: a word -> the letters of another.
import { Model, fetchJson } from "./runtime.js";

export class Reverser {
  static async load(folder, progress) {
    const about = await fetchJson(`${folder}/vocabulary.json`);
    return new Reverser(await Model.load(`${folder}/model_int8.tflite`, progress), about);
  }

  constructor(model, { ids, characters, description, longest_word: longestWord, longest_answer: longestAnswer }) {
    Object.assign(this, { model, ids, description, longestWord, longestAnswer });
    this.characters = Array.from(characters);
    this.idOf = new Map(this.characters.map((character, index) => [character, index + ids["first character"]]));
    this.shapes = model.shapes("padded_step");
  }

  /** The characters of a word that the network doesn't know, each once; [] if it can be read. */
  unknown(word) {
    return [...new Set(word)].filter((character) => !this.idOf.has(character));
  }

  /** Whether the word has the length and the characters that the network knows. */
  canRead(word) {
    const { length } = Array.from(word);
    return length >= 1 && length <= this.longestWord && !this.unknown(word).length;
  }

  /**
   * The likeliest answers of those that a beam meets, the likeliest first: {ids, text, logProbability, attention}, with
   * attention a Float32Array for each id written, over the start mark and the word's letters. beam: 1 is greedy search.
   */
  async reverse(word, beam = 1) {
    const letters = Array.from(word, (character) => this.idOf.get(character));
    const ids = new Int32Array(this.longestWord + 1);
    ids.set([this.ids.start, ...letters]);
    const { encoded, ...states } = await this.model.run("padded_encode", { ids: [ids, this.shapes.ids] });
    const read = { ids: [ids, this.shapes.ids], encoded: [encoded, this.shapes.encoded] };
    let found = [{ ids: [], logProbability: 0, attention: [], states }];
    const finished = (answer) => answer.ids.at(-1) === this.ids.end;
    for (let count = 0; count < this.longestAnswer && !found.every(finished); count++) {
      const candidates = [];
      for (const answer of found) {
        candidates.push(...(finished(answer) ? [answer] : await this.continued(answer, read, letters.length + 1, beam)));
      }
      found = candidates.sort((one, other) => other.logProbability - one.logProbability).slice(0, beam);
    }
    return found.map((answer) => ({ ...answer, text: this.text(answer.ids) }));
  }

  /** An answer's likeliest continuations by one id; never padding, nor the start mark. */
  async continued(answer, read, time, width) {
    const previous = Int32Array.of(answer.ids.at(-1) ?? this.ids.start);
    const states = Object.entries(answer.states).map(([name, values]) => [name, [values, this.shapes[name]]]);
    const inputs = { ...read, previous: [previous, [1]], ...Object.fromEntries(states) };
    const { log_probabilities: chances, attention, ...next } = await this.model.run("padded_step", inputs);
    const order = Array.from(chances.keys()).slice(this.ids.end);
    order.sort((one, other) => chances[other] - chances[one]);
    return order.slice(0, width).map((id) => ({
      ids: [...answer.ids, id],
      logProbability: answer.logProbability + chances[id],
      attention: [...answer.attention, attention.slice(0, time)],
      states: next,
    }));
  }

  text(ids) {
    const end = ids.indexOf(this.ids.end);
    const letters = end < 0 ? ids : ids.slice(0, end);
    return letters.map((id) => this.characters[id - this.ids["first character"]]).join("");
  }
}
