// A drawing -> the picture the network learned from: centred as the makers of MNIST did it (LeCun et al., 1998).

const SIZE = 28; // pixels: the side of the picture

/**
 * Scales what is drawn into a box, keeping its proportions and averaging, and puts its centre of mass into the middle.
 *
 * @param {Float32Array} ink width * height values in rows, 0 = nothing, 1 = full.
 * @param {{box: number, centre_of_mass: number}} form how the network's pictures were made, as labels.json tells it:
 *     the pixels of a digit's longer side, and the row and the column of its centre of mass.
 * @returns {?Float32Array} 28 * 28 values in rows, 0 to 1; null where nothing is drawn.
 */
export function centred(ink, width, height, form) {
  const bounds = boundsOf(ink, width, height);
  if (!bounds) return null;
  const { left, top, right, bottom } = bounds;
  const scale = Math.max(right - left, bottom - top) / form.box; // drawn pixels for one of the picture
  const rows = Math.max(1, Math.round((bottom - top) / scale));
  const columns = Math.max(1, Math.round((right - left) / scale));
  const small = new Float32Array(rows * columns);
  let [mass, rowMass, columnMass] = [0, 0, 0];
  for (let row = 0; row < rows; row++) {
    const [from, to] = span(top, bottom, row, rows);
    for (let column = 0; column < columns; column++) {
      const value = average(ink, width, from, to, ...span(left, right, column, columns));
      small[row * columns + column] = value;
      mass += value;
      rowMass += value * row;
      columnMass += value * column;
    }
  }
  const clamp = (place, length) => Math.min(Math.max(Math.round(place), 0), SIZE - length);
  const firstRow = clamp(form.centre_of_mass - rowMass / mass, rows);
  const firstColumn = clamp(form.centre_of_mass - columnMass / mass, columns);
  const picture = new Float32Array(SIZE * SIZE);
  for (let row = 0; row < rows; row++) {
    picture.set(small.subarray(row * columns, (row + 1) * columns), (firstRow + row) * SIZE + firstColumn);
  }
  return picture;
}

/** The smallest box around what is drawn; null if nothing is. */
function boundsOf(ink, width, height) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      if (ink[row * width + column] > 0.05) {
        [left, right] = [Math.min(left, column), Math.max(right, column + 1)];
        [top, bottom] = [Math.min(top, row), Math.max(bottom, row + 1)];
      }
    }
  }
  return right > left ? { left, top, right, bottom } : null;
}

/** Where part `index` of `count` equal parts of [start, stop) begins and ends. */
const span = (start, stop, index, count) => [0, 1].map((more) => start + ((stop - start) * (index + more)) / count);

/** The mean of the ink in a rectangle whose sides may lie between pixels. */
function average(ink, width, top, bottom, left, right) {
  let sum = 0;
  for (let row = Math.floor(top); row < bottom; row++) {
    const covered = Math.min(row + 1, bottom) - Math.max(row, top);
    for (let column = Math.floor(left); column < right; column++) {
      sum += ink[row * width + column] * covered * (Math.min(column + 1, right) - Math.max(column, left));
    }
  }
  return sum / ((bottom - top) * (right - left));
}
