// The two models: plain numbers in, plain numbers out. What LiteRT needs between them is here.
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";
import { Vocabulary } from "./text.js";

/** Loads LiteRT's WebAssembly; `folder` is the package's folder `wasm`. Call it once, before the rest. */
export const start = (folder) => loadLiteRt(folder);

/** The answer to a request for a file; an Error if there is no such file. */
async function load(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`expected a file at ${url}, got status ${answer.status}`);
  return answer;
}

async function loadModel(url) {
  return loadAndCompile(new Uint8Array(await (await load(url)).arrayBuffer()), { accelerator: "wasm" });
}

/** Runs a signature on tensors by name, and returns its outputs by name as arrays. Frees all tensors. */
async function run(model, signature, inputs) {
  let outputs = {};
  try {
    outputs = await model.run(signature, inputs);
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]));
  } finally {
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
  }
}

/** The model of apps/mnist_rows. */
export class DigitModel {
  static async load(url, labelsUrl) {
    const { labels, image } = await (await load(labelsUrl)).json();
    return new DigitModel(await loadModel(url), labels, image);
  }

  /** labels: the name of each output; form: how the pictures are made, for `centred`. */
  constructor(model, labels, form) {
    Object.assign(this, { model, labels, form });
  }

  /** Float32Array(784), rows of a picture, 0 to 1, white on black -> each label's probability, Float32Array(10). */
  async recognise(picture) {
    const { probabilities } = await run(this.model, "serving_default", { image: new Tensor(picture, [1, 28, 28]) });
    return probabilities;
  }
}

/** The model of apps/sentiment, by its signature for a fixed length: the browser's runtime has no other. */
export class ReviewModel {
  static async load(url, vocabularyUrl) {
    const vocabulary = new Vocabulary(await (await load(vocabularyUrl)).json());
    return new ReviewModel(await loadModel(url), vocabulary);
  }

  constructor(model, vocabulary) {
    this.model = model;
    this.vocabulary = vocabulary;
    const ids = model.signatures.padded?.getInputDetails().find((input) => input.name === "ids");
    if (!ids) throw new Error("expected a model with the signature padded, got one without");
    this.size = ids.shape[1];
  }

  /** The probability of a text being positive. */
  async score(text) {
    const ids = this.vocabulary.ids(text).slice(-this.size);
    const padded = new Int32Array(this.size);
    padded.set(ids);
    const inputs = { ids: new Tensor(padded, [1, this.size]), length: new Tensor(Int32Array.of(ids.length), []) };
    const { probability } = await run(this.model, "padded", inputs);
    return probability[0];
  }
}
