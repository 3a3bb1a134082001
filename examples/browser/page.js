// What the page shows: the drawing, the answers of the models, and errors.
import { DigitModel, ReviewModel, start } from "./models.js";
import { centred } from "./picture.js";

const MODELS = "../../saved_models";
const PEN = 22; // pixels: strokes about as thick as MNIST's
const element = (id) => document.getElementById(id);
const drawing = element("drawing").getContext("2d", { willReadFrequently: true });

function clear() {
  drawing.fillStyle = "black";
  drawing.fillRect(0, 0, drawing.canvas.width, drawing.canvas.height);
}

/** Lets the pointer draw; calls `changed` after each stroke's part. */
function followPointer(changed) {
  let drawn = false;
  Object.assign(drawing, { strokeStyle: "white", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
  const place = ({ offsetX, offsetY }) => {
    const { width, clientWidth, height, clientHeight } = drawing.canvas;
    return [(offsetX * width) / clientWidth, (offsetY * height) / clientHeight];
  };
  const draw = (event) => {
    const [x, y] = place(event);
    drawing.lineTo(x, y);
    drawing.lineTo(x + 0.01, y); // a dot, where the pointer hasn't moved
    drawing.stroke();
    changed();
  };
  drawing.canvas.addEventListener("pointerdown", (event) => {
    drawing.canvas.setPointerCapture(event.pointerId);
    drawing.beginPath();
    draw(event);
    drawn = true;
  });
  drawing.canvas.addEventListener("pointermove", (event) => drawn && draw(event));
  for (const end of ["pointerup", "pointercancel"]) drawing.canvas.addEventListener(end, () => (drawn = false));
}

/** The drawing as the network reads it, Float32Array(784), or null; shown in the small canvas too. */
function readPicture(form) {
  const { width, height } = drawing.canvas;
  const { data } = drawing.getImageData(0, 0, width, height); // red, green, blue, alpha
  const ink = Float32Array.from({ length: width * height }, (_, index) => data[4 * index] / 255);
  const picture = centred(ink, width, height, form);
  const small = element("picture").getContext("2d");
  const shown = small.createImageData(28, 28);
  shown.data.forEach((_, index) => (shown.data[index] = index % 4 === 3 ? 255 : 255 * (picture?.[index >> 2] ?? 0)));
  small.putImageData(shown, 0, 0);
  return picture;
}

function showDigit(labels, probabilities) {
  element("probabilities").replaceChildren(
    ...Array.from(probabilities ?? [], (probability, index) => {
      const row = document.createElement("tr");
      const meter = Object.assign(document.createElement("meter"), { value: probability });
      row.append(document.createElement("th"), document.createElement("td"), document.createElement("td"));
      row.cells[0].textContent = labels[index];
      row.cells[1].append(meter);
      row.cells[2].textContent = `${(100 * probability).toFixed(1)}%`;
      return row;
    }),
  );
  const best = probabilities?.indexOf(Math.max(...probabilities));
  element("answer").textContent = probabilities ? `This is a ${labels[best]}.` : "";
}

let running = 0;

/** The page is busy while a task runs: for a screen reader, and for drive.mjs. */
function setBusy(change) {
  running += change;
  document.body.ariaBusy = String(running > 0);
}

/** Runs `task` after each call, never twice at the same time, and shows what goes wrong. */
function repeatable(task) {
  let wanted = 0;
  return async () => {
    if (wanted++) return; // it runs, and will once more
    setBusy(+1);
    for (let seen = 0; seen < wanted; ) {
      seen = wanted;
      await task().catch(fail);
    }
    wanted = 0;
    setBusy(-1);
  };
}

function fail(error) {
  element("state").setAttribute("role", "alert");
  element("state").textContent = error.message;
}

async function main() {
  clear();
  await start("./node_modules/@litertjs/core/wasm/");
  const digits = await DigitModel.load(`${MODELS}/mnist_rows/model.tflite`, `${MODELS}/mnist_rows/labels.json`);
  const reviews = await ReviewModel.load(`${MODELS}/sentiment/model.tflite`, `${MODELS}/sentiment/vocabulary.json`);
  const answerDigit = repeatable(async () => {
    const picture = readPicture(digits.form);
    showDigit(digits.labels, picture && (await digits.recognise(picture)));
  });
  const answerReview = repeatable(async () => {
    const probability = await reviews.score(element("review").value);
    element("opinion").textContent = `Positive: ${(100 * probability).toFixed(1)}%`;
  });
  followPointer(answerDigit);
  element("clear").addEventListener("click", () => (clear(), answerDigit()));
  element("review").addEventListener("input", answerReview);
  await answerReview();
  element("state").textContent = "Ready.";
  Object.assign(window, { digits, reviews, readPicture }); // for the console, and drive.mjs
}

main().catch(fail);
