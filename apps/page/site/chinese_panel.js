// Chinese words with their tags, as ruby text.
import { Panel, both, element } from "./panel.js";
import { Tagger } from "./tagging.js";

const NAMES = {
  // of Peking University's tags, by their first letter
  n: ["noun, name", "名词"], v: ["verb", "动词"], a: ["adjective", "形容词"], d: ["adverb", "副词"],
  m: ["number", "数词"], q: ["measure word", "量词"], r: ["pronoun", "代词"], t: ["time", "时间词"],
  p: ["preposition", "介词"], u: ["particle", "助词"], c: ["conjunction", "连词"], f: ["direction", "方位词"],
  s: ["place", "处所词"], w: ["punctuation", "标点"], y: ["mood", "语气词"], l: ["phrase", "习用语"],
  i: ["idiom", "成语"], j: ["abbreviation", "简称"], b: ["attributive", "区别词"], z: ["state", "状态词"],
};

function show(sentences) {
  const words = sentences.flat();
  element("tagged").replaceChildren(
    ...words.map(({ word, tag }) => {
      const ruby = document.createElement("ruby");
      ruby.className = tag[0].toLowerCase();
      ruby.append(word, Object.assign(document.createElement("rt"), { textContent: tag }));
      return ruby;
    }),
  );
  const letters = [...new Set(words.map(({ tag }) => tag[0].toLowerCase()))].filter((letter) => letter in NAMES);
  element("tags").replaceChildren(
    ...letters.map((letter) => {
      const item = document.createElement("li");
      item.className = letter;
      const [english, chinese] = NAMES[letter];
      item.append(Object.assign(document.createElement("b"), { textContent: letter }), " ", both(english, chinese));
      return item;
    }),
  );
}

export const chinesePanel = () =>
  new Panel("chinese", {
    folder: "models/chinese_pos",
    load: Tagger.load,
    network: { en: "two bidirectional LSTMs over characters", zh: "读字的两层双向 LSTM" },
    async ready(tagger, panel) {
      const answer = panel.repeatable(async () => {
        show(await panel.timed(() => tagger.tag(element("chinese-text").value), "all of it", "全文"));
      });
      element("chinese-text").addEventListener("input", answer);
      await answer();
    },
  });
