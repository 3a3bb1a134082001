// Shakespeare, letter by letter: begin, stop and go on.
import { Panel, both, element, setBusy } from "./panel.js";
import { Author } from "./writing.js";

const LENGTH = 400; // letters at a time
const FRAME = 16; // milliseconds between two looks of the browser

export const shakespearePanel = () =>
  new Panel("shakespeare", {
    folder: "models/shakespeare",
    artifact: "litert",
    load: Author.load,
    network: { en: "two LSTMs over letters", zh: "读字母的两层 LSTM" },
    async ready(author, panel) {
      let [writer, stopped] = [null, false];
      const buttons = (writes) => {
        element("write").disabled = writes;
        element("stop").disabled = !writes;
        element("go-on").disabled = writes || !writer;
      };
      const goOn = async () => {
        stopped = false;
        buttons(true);
        setBusy(+1);
        const [begin, before] = [performance.now(), writer.written];
        for (let shown = begin; !stopped && writer.written - before < LENGTH; ) {
          const temperature = Number(element("temperature").value);
          const seed = Number(element("seed").value) || 0;
          element("text").append(await writer.next({ temperature, seed }));
          if (performance.now() - shown < FRAME) continue;
          element("text").scrollTop = element("text").scrollHeight;
          await new Promise(requestAnimationFrame);
          shown = performance.now();
        }
        const rate = ((writer.written - before) / (performance.now() - begin)) * 1000;
        panel.time.replaceChildren(both(`${rate.toFixed(0)} letters a second`, `每秒 ${rate.toFixed(0)} 个字母`));
        setBusy(-1);
        buttons(false);
      };
      const guarded = (task) => () => task().catch((error) => panel.fail(error));
      element("write").addEventListener("click", guarded(async () => {
        const prompt = element("prompt").value;
        element("text").textContent = prompt;
        writer = await author.begin(prompt);
        await goOn();
      }));
      element("go-on").addEventListener("click", guarded(goOn));
      element("stop").addEventListener("click", () => (stopped = true));
      element("temperature").addEventListener("input", () => {
        element("temperature-shown").textContent = Number(element("temperature").value).toFixed(1);
      });
      buttons(false);
    },
  });
