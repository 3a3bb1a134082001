// The model of apps/mnist_rows: a picture, row by row.
import { Refusal } from "./refusal.js";
import { Model, fetchJson } from "./runtime.js";

const SIZE = 28;

export class DigitReader {
  static async load(folder, progress) {
    const [{ labels, image }, refusal] = await Promise.all(
      ["labels", "refusal"].map((name) => fetchJson(`${folder}/${name}.json`)),
    );
    const model = await Model.load(`${folder}/model_int8.tflite`, progress);
    return new DigitReader(model, labels, image, new Refusal(refusal));
  }

  /**
   * labels: the name of each output; form: how the pictures are made, for `centred` of picture.js; refusal: which ones
   * aren't answered.
   */
  constructor(model, labels, form, refusal) {
    Object.assign(this, { model, labels, form, refusal });
  }

  /** Float32Array(784), rows of a picture, 0 paper to 1 ink -> each label's probability. */
  async recognise(picture) {
    return (await this.model.run("serving_default", { image: [picture, [1, SIZE, SIZE]] })).probabilities;
  }

  /** What is believed when only the first `rows` rows are there, for each number of rows from 1 to 28. */
  async beliefs(picture) {
    const found = [];
    for (let rows = 1; rows <= SIZE; rows++) {
      const seen = new Float32Array(SIZE * SIZE);
      seen.set(picture.subarray(0, rows * SIZE));
      found.push(await this.recognise(seen));
    }
    return found;
  }
}
