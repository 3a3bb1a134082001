// The model of apps/shakespeare, by its signature `step`: one symbol and the states in, what comes next and states out.
import { Model, fetchJson } from "./runtime.js";
import { choose, randomNumber } from "./sampling.js";

export class Author {
  static async load(folder, progress) {
    const { symbols, unknown, level } = await fetchJson(`${folder}/vocabulary.json`);
    if (level !== "char") throw new Error(`expected a model of characters, got one of the level ${level}`);
    return new Author(await Model.load(`${folder}/model.tflite`, progress), symbols, unknown);
  }

  constructor(model, symbols, unknown) {
    Object.assign(this, { model, symbols, unknown });
    this.idOf = new Map(symbols.map((symbol, id) => [symbol, id]));
    this.shapes = model.shapes("step");
  }

  /** A text that has read the prompt, to go on with. An empty prompt counts as a line break. */
  async begin(prompt) {
    const writer = new Writer(this);
    const clean = prompt.replace(/\r\n?/g, "\n").replaceAll("\x1f", "");
    for (const symbol of clean || "\n") await writer.take(this.idOf.get(symbol) ?? this.unknown);
    return writer;
  }
}

class Writer {
  constructor(author) {
    this.author = author;
    this.written = 0;
    const states = Object.entries(author.shapes).filter(([name]) => name !== "ids");
    this.states = Object.fromEntries(states.map(([name, shape]) => [name, new Float32Array(shape[1])]));
  }

  /** Goes on with an id -> its symbol. */
  async take(id) {
    const { model, shapes, symbols } = this.author;
    const states = Object.entries(this.states).map(([name, values]) => [name, [values, shapes[name]]]);
    const inputs = { ids: [Int32Array.of(id), [1]], ...Object.fromEntries(states) };
    const { logits, ...rest } = await model.run("step", inputs);
    this.logits = logits;
    this.states = rest;
    return symbols[id];
  }

  /** One more symbol. */
  async next({ temperature = 0.8, topK = 0, topP = 1, seed = 0, row = 0 } = {}) {
    const draw = randomNumber(seed, row, this.written++);
    return this.take(choose(this.logits, draw, temperature, topK, topP));
  }
}
