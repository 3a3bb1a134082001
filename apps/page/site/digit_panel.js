// Draw a digit: what the network reads, what it believes after each row, and its answer.
import { DigitReader } from "./digits.js";
import { Panel, both, chosen, element } from "./panel.js";
import { centred } from "./picture.js";

const PEN = 22; // pixels: strokes about as thick as MNIST's
const SAMPLES = {
  2: [[85, 95], [100, 60], [150, 50], [185, 80], [175, 125], [85, 220], [200, 220]],
  4: [[110, 60], [80, 160], [190, 160], [160, 60], [160, 235]],
  7: [[80, 70], [200, 70], [120, 230]],
};
const drawing = element("drawing").getContext("2d", { willReadFrequently: true });

function clear() {
  drawing.fillStyle = "black";
  drawing.fillRect(0, 0, drawing.canvas.width, drawing.canvas.height);
}

function setPen() {
  Object.assign(drawing, { strokeStyle: "white", lineWidth: PEN, lineCap: "round", lineJoin: "round" });
}

/** Lets the pointer draw; calls `changed` after each stroke's part. */
function followPointer(changed) {
  let drawn = false;
  setPen();
  const draw = ({ offsetX, offsetY }) => {
    const { width, clientWidth, height, clientHeight } = drawing.canvas;
    const [x, y] = [(offsetX * width) / clientWidth, (offsetY * height) / clientHeight];
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

/** Draws a line through points, as a pointer would. */
export function drawSample(points) {
  clear();
  setPen();
  drawing.beginPath();
  for (const [x, y] of points) drawing.lineTo(x, y);
  drawing.stroke();
}

/** The drawing as the network reads it, Float32Array(784), or null. */
export function readPicture(form) {
  const { width, height } = drawing.canvas;
  const { data } = drawing.getImageData(0, 0, width, height); // red, green, blue, alpha
  const ink = Float32Array.from({ length: width * height }, (_, index) => data[4 * index] / 255);
  return centred(ink, width, height, form);
}

function showPicture(picture) {
  const small = element("picture").getContext("2d");
  const shown = small.createImageData(28, 28);
  shown.data.forEach((_, index) => (shown.data[index] = index % 4 === 3 ? 255 : 255 * (picture?.[index >> 2] ?? 0)));
  small.putImageData(shown, 0, 0);
  element("picture").ariaLabel = chosen("what the network reads, 28 rows of 28 pixels", "网络读到的：28 行，每行 28 像素");
}

/** A row for each row that was read, a column for each digit; the more, the surer. */
function showBeliefs(beliefs, labels) {
  const canvas = element("beliefs");
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  const heat = getComputedStyle(canvas).getPropertyValue("--heat");
  beliefs.forEach((row, y) =>
    row.forEach((chance, x) => {
      context.fillStyle = `rgb(${heat} / ${chance})`;
      context.fillRect(x, y, 1, 1);
    }),
  );
  const told = [7, 14, 21, 28].filter((rows) => beliefs.length >= rows).map((rows) => {
    const best = bestOf(beliefs[rows - 1]);
    const percent = (100 * beliefs[rows - 1][best]).toFixed(0);
    return chosen(`after row ${rows}: ${labels[best]}, ${percent}%`, `读完第 ${rows} 行：${labels[best]}，${percent}%`);
  });
  canvas.ariaLabel = told.join(chosen("; ", "；"));
}

const bestOf = (values) => values.indexOf(Math.max(...values));

/** probabilities: null if nothing is drawn; refused: whether what is drawn is none of the digits. */
function showAnswer(labels, probabilities, refused) {
  element("probabilities").replaceChildren(
    ...Array.from(refused ? [] : (probabilities ?? []), (probability, index) => {
      const row = document.createElement("tr");
      const [head, bar, number] = ["th", "td", "td"].map((name) => row.appendChild(document.createElement(name)));
      head.scope = "row";
      head.textContent = labels[index];
      bar.innerHTML = '<span class="bar-of"><i></i></span>';
      bar.querySelector("i").style.width = `${100 * probability}%`;
      number.textContent = `${(100 * probability).toFixed(1)}%`;
      return row;
    }),
  );
  const label = probabilities && labels[bestOf(probabilities)];
  const told = refused ? both("No digit found.", "没有找到数字。") : both(`This is a ${label}.`, `这是 ${label}。`);
  element("answer").replaceChildren(probabilities ? told : "");
}

export const digitPanel = () => {
  clear();
  return new Panel("digit", {
    folder: "models/mnist_rows",
    load: DigitReader.load,
    network: { en: "two bidirectional LSTMs over 28 rows", zh: "两层双向 LSTM，读 28 行" },
    async ready(reader, panel) {
      element("digit-names").replaceChildren(
        ...reader.labels.map((label) => Object.assign(document.createElement("li"), { textContent: label })),
      );
      const answer = panel.repeatable(async (latest) => {
        const picture = readPicture(reader.form);
        showPicture(picture);
        const found = picture && (await panel.timed(() => reader.recognise(picture)));
        showAnswer(reader.labels, found, found && reader.refusal.refuses(picture, found));
        const beliefs = picture ? await reader.beliefs(picture) : [];
        if (latest()) showBeliefs(beliefs, reader.labels);
      });
      followPointer(answer);
      element("clear").addEventListener("click", () => {
        clear();
        answer();
      });
      for (const [label, points] of Object.entries(SAMPLES)) {
        const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
        button.ariaLabel = chosen(`draw a ${label}`, `画一个 ${label}`);
        button.addEventListener("click", () => {
          drawSample(points);
          answer();
        });
        element("samples").append(button);
      }
      drawSample(SAMPLES[2]);
      await answer();
    },
  });
};
