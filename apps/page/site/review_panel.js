// Review a film: the answer as one types, and which words push it.
import { Panel, both, element } from "./panel.js";
import { ReviewReader } from "./reviews.js";

const MOST_EXPLAINED = 120; // words: each takes an answer of its own
const STRONG = 0.15; // of the log-odds: what is written beside a word

function showOpinion(probability) {
  const percent = (100 * (probability ?? 0.5)).toFixed(1);
  element("opinion").replaceChildren(
    probability === null ? both("Write a word.", "请写一个词。") : both(`${percent}% positive`, `${percent}% 正面`),
  );
  element("review-meter").firstElementChild.style.width = `${percent}%`;
}

function showWords(tokens, weights) {
  const strongest = Math.max(1, ...weights.map(Math.abs));
  element("words").replaceChildren(
    ...tokens.flatMap((token, place) => {
      const weight = weights[place];
      const mark = document.createElement("mark");
      mark.className = weight > 0 ? "up" : "down";
      mark.style.setProperty("--weight", Math.abs(weight) / strongest);
      mark.textContent = token;
      if (Math.abs(weight) >= STRONG) {
        const told = `${weight > 0 ? "+" : "−"}${Math.abs(weight).toFixed(1)}`;
        mark.append(Object.assign(document.createElement("small"), { textContent: told }));
      }
      return [mark, " "];
    }),
  );
}

export const reviewPanel = () =>
  new Panel("review", {
    folder: "models/sentiment",
    load: ReviewReader.load,
    network: { en: "a bidirectional LSTM over words", zh: "读词的双向 LSTM" },
    async ready(reader, panel) {
      const answer = panel.repeatable(async (latest) => {
        const text = element("review-text").value;
        showOpinion(await panel.timed(() => reader.probability(text)));
        const tokens = reader.vocabulary.tokens(text).slice(-reader.vocabulary.keepLast);
        if (!tokens.length || tokens.length > MOST_EXPLAINED) return element("words").replaceChildren();
        const weights = await reader.weights(reader.vocabulary.ids(text), latest);
        if (weights) showWords(tokens, weights);
      });
      element("review-text").addEventListener("input", answer);
      await answer();
    },
  });
