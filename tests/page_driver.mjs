// Uses the page as a person and as a program would, in a Chromium without a window, and prints what it answers.
//
//     node page_driver.mjs ADDRESS < task.json       in a folder with node_modules/playwright-core
//
// task.json: {"texts", "explained", "pictures", "drawings", "chinese", "written", "reversed": {"words", "beam"}, "typed", "broken": file,
// "screenshots": {path: [width, height, dark?]}},
// each of which may be left out; see below what is printed of each. CHROMIUM names the browser.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { chromium } = createRequire(`${process.cwd()}/`)("playwright-core");
const task = JSON.parse(readFileSync(0, "utf8"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});

/** A page on which the panels of these names have come into view and loaded. */
async function opened(names, options = {}) {
  const page = await browser.newPage(options);
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    const text = message.text(); // LiteRT writes what it does as errors
    if (message.type() === "error" && !/^(INFO|WARNING): /.test(text)) problems.push(text);
  });
  const outside = [];
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol.startsWith("http") && host !== new URL(process.argv[2]).host) outside.push(request.url());
  });
  await page.goto(process.argv[2]);
  for (const name of names) {
    await page.locator(`#${name}`).scrollIntoViewIfNeeded();
    await page.evaluate((name) => panels[name].loaded, name);
  }
  await idle(page);
  return { page, problems, outside };
}

const idle = (page) => page.waitForFunction(() => document.body.ariaBusy === "false");

try {
  const found = { texts: [], pictures: [], drawings: [], chinese: [], written: [], problems: [], outside: [] };
  const names = ["digit", "review", "shakespeare", "reversing", "chinese"];
  const { page, problems, outside } = await opened(names);
  found.texts = await page.evaluate(async (texts) => {
    const reader = await panels.review.loaded;
    const answers = [];
    for (const text of texts) answers.push(await reader.probability(text));
    return answers;
  }, task.texts ?? []);
  found.weights = await page.evaluate(async (texts) => {
    const reader = await panels.review.loaded;
    return Promise.all(texts.map((text) => reader.weights(reader.vocabulary.ids(text))));
  }, task.explained ?? []);
  found.pictures = await page.evaluate(async (pictures) => {
    const reader = await panels.digit.loaded;
    const answers = [];
    for (const picture of pictures) answers.push([...(await reader.recognise(Float32Array.from(picture)))]);
    return answers;
  }, task.pictures ?? []);
  found.scores = await page.evaluate(async (pictures) => {
    const { refusal } = await panels.digit.loaded;
    return pictures.map(({ picture, probabilities }) => refusal.score(Float32Array.from(picture), probabilities));
  }, task.scored ?? []);
  for (const strokes of task.drawings ?? []) {
    await page.click("#clear");
    const { x, y, width } = await page.locator("#drawing").boundingBox();
    for (const points of strokes) {
      const [first, ...rest] = points.map(([across, down]) => [x + (across * width) / 280, y + (down * width) / 280]);
      await page.mouse.move(...first);
      await page.mouse.down();
      for (const place of rest) await page.mouse.move(...place, { steps: 4 });
      await page.mouse.up();
    }
    await idle(page);
    const picture = await page.evaluate(async () => [...readPicture((await panels.digit.loaded).form)]);
    found.drawings.push({ picture, answer: await page.innerText("#answer") });
  }
  found.chinese = await page.evaluate(async (texts) => {
    const tagger = await panels.chinese.loaded;
    const answers = [];
    for (const text of texts) answers.push(await tagger.tag(text));
    return answers;
  }, task.chinese ?? []);
  found.written = await page.evaluate(async (asked) => {
    const author = await panels.shakespeare.loaded;
    const texts = [];
    for (const { prompt, length, ...choice } of asked) {
      const writer = await author.begin(prompt);
      let text = prompt;
      while (writer.written < length) text += await writer.next(choice);
      texts.push(text);
    }
    return texts;
  }, task.written ?? []);
  found.reversed = await page.evaluate(async ({ words, beam }) => {
    const reverser = await panels.reversing.loaded;
    const all = [];
    for (const word of words) {
      const [greedy] = await reverser.reverse(word);
      const answers = await reverser.reverse(word, beam);
      const told = answers.map(({ text, logProbability }) => [text, Math.exp(logProbability)]);
      all.push({ greedy: greedy.text, attention: greedy.attention.map((row) => [...row]), beam: told });
    }
    return all;
  }, task.reversed ?? { words: [], beam: 1 });
  if (task.typed) {
    await page.fill("#review-text", task.typed);
    await idle(page);
    found.typed = { opinion: await page.innerText("#opinion"), words: await page.innerText("#words") };
    await page.click("#language");
    found.chineseOpinion = await page.innerText("#opinion");
  }
  if (task.broken) {
    const page = await browser.newPage();
    await page.route(`**/${task.broken}`, (route) => route.abort());
    await page.goto(process.argv[2]);
    await page.locator("#problem").waitFor({ state: "visible", timeout: 20_000 });
    found.broken = await page.innerText("#problem");
    found.whole = await opened([]).then(({ page }) => page.locator("#problem").isHidden());
  }
  found.problems = problems;
  found.outside = outside;
  for (const [path, [width, height, dark]] of Object.entries(task.screenshots ?? {})) {
    const options = { viewport: { width, height }, colorScheme: dark ? "dark" : "light" };
    const { page } = await opened(names, options);
    await page.click("#write");
    await idle(page);
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path, fullPage: true });
    await page.close();
  }
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
}
