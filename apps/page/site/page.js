// The page: its panels and its language.
import { chinesePanel } from "./chinese_panel.js";
import { digitPanel, drawSample, readPicture } from "./digit_panel.js";
import { element } from "./panel.js";
import { reversingPanel } from "./reversing_panel.js";
import { reviewPanel } from "./review_panel.js";
import { shakespearePanel } from "./shakespeare_panel.js";

function show(language) {
  document.documentElement.lang = language;
  element("language").textContent = language === "en" ? "中文" : "English";
  element("language").lang = language === "en" ? "zh-Hans" : "en";
}

element("language").addEventListener("click", () => show(document.documentElement.lang === "en" ? "zh-Hans" : "en"));
if (navigator.language.startsWith("zh")) show("zh-Hans");

// By these names a program drives the page: `await panels.review.loaded` is its network.
globalThis.panels = {
  digit: digitPanel(),
  review: reviewPanel(),
  shakespeare: shakespearePanel(),
  reversing: reversingPanel(),
  chinese: chinesePanel(),
};
Object.assign(globalThis, { drawSample, readPicture });
