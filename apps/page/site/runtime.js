// LiteRT between plain arrays: models are fetched with their progress, and a signature is run by names.
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

let started;

/** Loads LiteRT's WebAssembly, once. */
export function start() {
  started ??= loadLiteRt(new URL(document.querySelector("meta[name=litert-wasm]").content, document.baseURI).href);
  return started;
}

/** The bytes of a file; `progress` is called with the part of it that is there. An Error if there is no such file. */
export async function fetchBytes(url, progress = () => {}) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`expected a file at ${url}, got status ${answer.status}`);
  const total = Number(answer.headers.get("Content-Length"));
  const parts = [];
  let size = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    size += value.length;
    if (total) progress(Math.min(1, size / total)); // a server that compresses may tell the smaller size
  }
  const bytes = new Uint8Array(size);
  let place = 0;
  for (const part of parts) {
    bytes.set(part, place);
    place += part.length;
  }
  return bytes;
}

export const fetchJson = async (url) => JSON.parse(new TextDecoder().decode(await fetchBytes(url)));

/** A compiled model file. */
export class Model {
  static async load(url, progress) {
    const [bytes] = await Promise.all([fetchBytes(url, progress), start()]);
    return new Model(await loadAndCompile(bytes, { accelerator: "wasm" }), bytes.length);
  }

  constructor(compiled, bytes) {
    Object.assign(this, { compiled, bytes });
  }

  /** The shapes of a signature's inputs, by name. */
  shapes(signature) {
    const found = this.compiled.signatures[signature];
    if (!found) throw new Error(`expected a model with the signature ${signature}, got one without`);
    return Object.fromEntries(found.getInputDetails().map(({ name, shape }) => [name, [...shape]]));
  }

  /**
   * Runs a signature. inputs: typed arrays by name, each with its shape: {ids: [Int32Array, [1, 400]]}.
   * Returns the outputs by name as arrays of their own; all tensors are freed.
   */
  async run(signature, inputs) {
    const tensors = {};
    let outputs = {};
    try {
      for (const [name, [values, shape]] of Object.entries(inputs)) tensors[name] = new Tensor(values, shape);
      outputs = await this.compiled.run(signature, tensors);
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.toTypedArray().slice()]));
    } finally {
      for (const tensor of [...Object.values(tensors), ...Object.values(outputs)]) tensor.delete();
    }
  }
}
