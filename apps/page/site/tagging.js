// The model of apps/chinese_pos: a Chinese text -> its words with their tags.
import { ChineseText, decode } from "./chinese_text.js";
import { Model, fetchJson } from "./runtime.js";

export class Tagger {
  static async load(folder, progress) {
    const text = new ChineseText(await fetchJson(`${folder}/vocabulary.json`));
    return new Tagger(await Model.load(`${folder}/model_int8.tflite`, progress), text);
  }

  constructor(model, text) {
    Object.assign(this, { model, text });
    [, this.size, this.columns] = model.shapes("padded").features;
  }

  /** The scores of the labels of each character of a sentence. */
  async scores(sentence) {
    const features = new Int32Array(this.size * this.columns);
    sentence.forEach((one, index) => features.set(one.features, index * this.columns));
    const length = Int32Array.of(sentence.length);
    const inputs = { features: [features, [1, this.size, this.columns]], length: [length, []] };
    return (await this.model.run("padded", inputs)).scores;
  }

  /** The sentences of a text, lists of {word, tag, start, end}; start and end are places counted in code points. */
  async tag(text) {
    const { tags } = this.text;
    const result = [];
    for (const sentence of this.text.sentences(text)) {
      const words = decode(sentence, await this.scores(sentence), tags.length);
      result.push(
        words.map(([first, last, tag]) => {
          const characters = sentence.slice(first, last);
          const word = characters.map(({ written }) => written).join("");
          return { word, tag: tags[tag], start: characters[0].start, end: characters.at(-1).end };
        }),
      );
    }
    return result;
  }
}
