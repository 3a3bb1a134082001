// The model of apps/sentiment, by its signature of a fixed length: the browser's runtime takes no other.
import { Vocabulary } from "./review_text.js";
import { Model, fetchJson } from "./runtime.js";

export class ReviewReader {
  static async load(folder, progress) {
    const vocabulary = new Vocabulary(await fetchJson(`${folder}/vocabulary.json`));
    return new ReviewReader(await Model.load(`${folder}/model_int8.tflite`, progress), vocabulary);
  }

  constructor(model, vocabulary) {
    Object.assign(this, { model, vocabulary });
    this.size = model.shapes("padded").ids[1];
  }

  /** {probability, logit} of the second label, for the ids of a text. */
  async score(ids) {
    const padded = new Int32Array(this.size);
    padded.set(ids);
    const inputs = { ids: [padded, [1, this.size]], length: [Int32Array.of(ids.length), []] };
    const { probability, logit } = await this.model.run("padded", inputs);
    return { probability: probability[0], logit: logit[0] };
  }

  /** The probability of a text being positive; null if it has no word. */
  async probability(text) {
    if (!this.vocabulary.tokens(text).length) return null;
    return (await this.score(this.vocabulary.ids(text))).probability;
  }

  /**
   * How far each token moves the log-odds of the second label: what is lost when it becomes an unknown word.
   * wanted: asked before each token; false ends it with null.
   */
  async weights(ids, wanted = () => true) {
    const whole = (await this.score(ids)).logit;
    const weights = [];
    for (let place = 0; place < ids.length; place++) {
      if (!wanted()) return null;
      const without = ids.with(place, this.vocabulary.unknown);
      weights.push(whole - (await this.score(without)).logit);
    }
    return weights;
  }
}
