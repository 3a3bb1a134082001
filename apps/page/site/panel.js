// What all panels share: text in two languages, loading when a panel comes into view, progress, facts, errors.
import { fetchJson } from "./runtime.js";

export const element = (id) => document.getElementById(id);

/** A text in English and in Chinese, of which the page shows one. */
export function both(english, chinese) {
  const fragment = document.createDocumentFragment();
  for (const [name, language, text] of [["en", "en", english], ["zh", "zh-Hans", chinese]]) {
    const span = Object.assign(document.createElement("span"), { className: name, lang: language, textContent: text });
    fragment.append(span);
  }
  return fragment;
}

/** Which of two texts the page's language wants, for what can't hold two: names of pictures. */
export const chosen = (english, chinese) => (document.documentElement.lang === "en" ? english : chinese);

let running = 0;

/** The page is busy while a task runs: for a screen reader, and for the tests. */
export function setBusy(change) {
  running += change;
  document.body.ariaBusy = String(running > 0);
}

/** A panel of the page, with a network of its own. */
export class Panel {
  /**
   * id: of the section; folder: of the model's files; load: (folder, progress) -> the network, once the panel is seen;
   * artifact: which of the model's files it is; network: {en, zh}, what it is; ready: called with the network.
   */
  constructor(id, { folder, load, network, ready, artifact = "litert_int8" }) {
    Object.assign(this, { id, folder, load, network, ready, artifact });
    this.section = element(id);
    this.state = Object.assign(document.createElement("div"), { className: "state" });
    this.state.setAttribute("role", "status");
    this.facts = Object.assign(document.createElement("p"), { className: "facts" });
    this.section.append(this.state, this.facts);
    this.loaded = new Promise((resolve, reject) => Object.assign(this, { resolve, reject }));
    this.loaded.catch(() => {}); // told by `fail`
    const seen = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      this.open();
    }, { rootMargin: "200px" });
    seen.observe(this.section);
  }

  async open() {
    setBusy(+1);
    const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
    bar.setAttribute("aria-label", chosen("Loading the network", "正在加载网络"));
    this.state.replaceChildren(both("Loading the network…", "正在加载网络……"), bar);
    try {
      const [model, results] = await Promise.all([
        this.load(this.folder, (part) => (bar.value = part)),
        fetchJson(`${this.folder}/results.json`),
      ]);
      this.state.replaceChildren();
      this.showFacts(results.artifacts[this.artifact]);
      await this.ready(model, this);
      this.resolve(model);
    } catch (error) {
      this.fail(error);
      this.reject(error);
    }
    setBusy(-1);
  }

  /** What the network is, its figure, its size, and a place for the time that an answer takes. */
  showFacts({ metric, value, unit, examples, bytes }) {
    const figure = unit ? `${value.toFixed(4)} ${unit}` : `${(100 * value).toFixed(2)}%`;
    const fact = (english, chinese) => {
      const item = document.createElement("span");
      item.append(both(english, chinese));
      return item;
    };
    const count = examples.toLocaleString("en");
    const size = (bytes / 1e6).toFixed(1);
    this.time = document.createElement("span");
    this.facts.replaceChildren(
      fact(this.network.en, this.network.zh),
      fact(`${metric}: ${figure} over ${count} unseen examples`, `${metric}：${figure}（${count} 个未见过的样本）`),
      fact(`${size} MB`, `${size} MB`),
      this.time,
    );
  }

  /** Runs a task and tells how long it took. */
  async timed(task, english = "an answer", chinese = "一次回答") {
    const begin = performance.now();
    const found = await task();
    const took = performance.now() - begin;
    const shown = took < 10 ? took.toFixed(1) : took.toFixed(0);
    this.time?.replaceChildren(both(`${shown} ms for ${english}`, `${chinese} ${shown} 毫秒`));
    return found;
  }

  /** Runs `task` after each call, never twice at the same time, and shows what goes wrong. */
  repeatable(task) {
    let wanted = 0;
    return async () => {
      if (wanted++) return; // it runs, and will once more
      setBusy(+1);
      for (let seen = 0; seen < wanted; ) {
        seen = wanted;
        await task(() => wanted === seen).catch((error) => this.fail(error));
      }
      wanted = 0;
      setBusy(-1);
    };
  }

  /** An error as a sentence. */
  fail(error) {
    console.error(error);
    this.state.setAttribute("role", "alert");
    const told = error.message ?? String(error);
    this.state.replaceChildren(both(`This network doesn't run here: ${told}`, `这个网络无法在此运行：${told}`));
  }
}
