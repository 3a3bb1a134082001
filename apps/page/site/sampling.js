// Which symbol comes next: apps/shakespeare/sampling.py in JavaScript. The same seed draws the same symbols.

/** The finaliser of MurmurHash3: mixes 32 bits. */
function mixed(number) {
  number = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  number = Math.imul(number ^ (number >>> 13), 0xc2b2ae35);
  return (number ^ (number >>> 16)) >>> 0;
}

/** The whole number, 0 to 2**32 - 1, of a draw of a row. */
export const randomNumber = (seed, row, draw) => mixed((mixed((mixed(seed >>> 0) + row) >>> 0) + draw) >>> 0);

/** The ids from likely to unlikely, the unknown one left out, and their probabilities. */
export function ranked(logits, temperature = 1) {
  const order = Array.from(logits.keys()).slice(1); // sorting keeps the order of equal ones
  order.sort((one, other) => logits[other] - logits[one]);
  const chances = order.map((id) => Math.exp((logits[id] - logits[order[0]]) / temperature));
  const sum = total(chances);
  return { order, chances: chances.map((chance) => chance / sum) };
}

const total = (values) => values.reduce((sum, value) => sum + value, 0);

/** An id drawn from logits; at the temperature 0 the likeliest. topK: only so many; topP: the fewest with this part. */
export function choose(logits, draw, temperature, topK = 0, topP = 1) {
  const { order, chances } = ranked(logits, temperature || 1);
  if (temperature <= 0) return order[0];
  const kept = keptChances(chances, topK, topP);
  let sum = 0;
  const reached = kept.map((chance) => (sum += chance));
  const aim = ((draw + 0.5) / 2 ** 32) * sum;
  let place = reached.findIndex((value) => value > aim);
  if (place < 0 || !kept[place]) place = kept.filter((chance) => chance > 0).length - 1; // by rounding
  return order[place];
}

function keptChances(chances, topK, topP) {
  if (!topK && topP >= 1) return chances;
  const likeliest = chances.map((chance, place) => (!topK || place < topK ? chance : 0));
  const part = topP * total(likeliest);
  let before = 0;
  return likeliest.map((chance, place) => {
    const kept = before < part || place === 0 ? chance : 0;
    before += chance;
    return kept;
  });
}
