// Is there anything in a picture that the digits' network knows? The small network of refusal.json, as in Python's
// apps/mnist_rows/refusal.py: two convolutions, each moving by 2, and two dense layers.
const SIZE = 28;

/** An image [side][side][channels] as a flat array, kernel [rows][columns][in][out] and bias -> the next image. */
function convolved({ values, side, channels }, kernel, bias) {
  const [window, outputs] = [kernel.length, bias.length];
  const next = Math.floor((side - window) / 2) + 1;
  const found = new Float32Array(next * next * outputs);
  for (let y = 0; y < next; y++)
    for (let x = 0; x < next; x++)
      for (let output = 0; output < outputs; output++) {
        let sum = bias[output];
        for (let row = 0; row < window; row++)
          for (let column = 0; column < window; column++)
            for (let channel = 0; channel < channels; channel++) {
              const place = ((2 * y + row) * side + 2 * x + column) * channels + channel;
              sum += values[place] * kernel[row][column][channel][output];
            }
        found[(y * next + x) * outputs + output] = Math.max(sum, 0);
      }
  return { values: found, side: next, channels: outputs };
}

const dense = (values, kernel, bias) =>
  bias.map((start, output) => values.reduce((sum, value, input) => sum + value * kernel[input][output], start));

export class Refusal {
  /** content: of refusal.json. */
  constructor({ threshold, doubt, weights }) {
    Object.assign(this, { threshold, doubt, weights });
  }

  /** The log-odds that a picture, Float32Array(784), is none of the classes. */
  logOdds(picture) {
    const [first, firstBias, second, secondBias, hidden, hiddenBias, last, lastBias] = this.weights;
    let image = convolved({ values: picture, side: SIZE, channels: 1 }, first, firstBias);
    image = convolved(image, second, secondBias);
    const features = dense(image.values, hidden, hiddenBias).map((value) => Math.max(value, 0));
    return dense(features, last, lastBias)[0];
  }

  /** How strange the picture is, given the probabilities of its classes. */
  score(picture, probabilities) {
    return this.logOdds(picture) - this.doubt * Math.log(Math.max(...probabilities, 1e-6));
  }

  refuses(picture, probabilities) {
    return this.score(picture, probabilities) > this.threshold;
  }
}
