// Reverse a word: where the decoder looks, letter by letter.
import { Panel, both, element } from "./panel.js";
import { Reverser } from "./reversing.js";

/** A row for each letter that was written, a column for each that was read; the more it looked there, the fuller. */
function showMatrix(word, { text, attention }) {
  const table = element("attention");
  const letters = Array.from(word);
  const head = document.createElement("tr");
  head.append(document.createElement("td"));
  for (const letter of letters) {
    head.append(Object.assign(document.createElement("th"), { scope: "col", textContent: letter }));
  }
  const rows = Array.from(text, (letter, index) => {
    const row = document.createElement("tr");
    row.append(Object.assign(document.createElement("th"), { scope: "row", textContent: letter }));
    letters.forEach((_, place) => {
      const part = attention[index][place + 1]; // the start mark comes first
      const cell = document.createElement("td");
      cell.className = "look";
      cell.style.setProperty("--part", part);
      const percent = Math.round(100 * part);
      cell.append(Object.assign(document.createElement("span"), { textContent: percent ? `${percent}` : "" }));
      row.append(cell);
    });
    return row;
  });
  table.tHead.replaceChildren(head);
  table.tBodies[0].replaceChildren(...rows);
}

export const reversingPanel = () =>
  new Panel("reversing", {
    folder: "models/word_reversal",
    load: Reverser.load,
    network: { en: "an LSTM encoder-decoder with attention", zh: "带注意力的 LSTM 编码器-解码器" },
    async ready(reverser, panel) {
      const problem = (word) => {
        const unknown = reverser.unknown(word).join(" ");
        const most = reverser.longestWord;
        return unknown
          ? both(`It knows ${reverser.description}, not ${unknown}`, `它不认识 ${unknown}`)
          : both(`Write 1 to ${most} letters.`, `请写 1 到 ${most} 个字母。`);
      };
      const answer = panel.repeatable(async () => {
        const word = element("word").value;
        if (!reverser.canRead(word)) {
          element("reversed").replaceChildren(problem(word));
          element("attention").tHead.replaceChildren();
          element("attention").tBodies[0].replaceChildren();
          return;
        }
        const [best] = await panel.timed(() => reverser.reverse(word));
        element("reversed").textContent = best.text;
        showMatrix(word, best);
      });
      element("word").addEventListener("input", answer);
      await answer();
    },
  });
