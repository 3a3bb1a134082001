// Uses the page as a person would, in a Chromium without a window, and prints what the models answer.
//
//     node drive.mjs http://127.0.0.1:8000/examples/browser/ < task.json
//
// task.json: {"drawings": [strokes, ...], "texts": [...]}; a stroke is a list of [x, y] on the canvas of 280 x 280.
// Prints {"drawings": [{"picture": 784 numbers, "probabilities": 10, "answer": what the page says}, ...],
// "texts": [{"probability", "opinion": what the page says}, ...]}.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

/** Moves the mouse along a stroke with its button pressed. */
async function draw(page, stroke) {
  const { x, y } = await page.locator("#drawing").boundingBox();
  const [first, ...rest] = stroke.map(([across, down]) => [x + 1 + across, y + 1 + down]); // 1: the border
  await page.mouse.move(...first);
  await page.mouse.down();
  for (const place of rest) await page.mouse.move(...place, { steps: 4 });
  await page.mouse.up();
}

const { drawings, texts } = JSON.parse(readFileSync(0, "utf8"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
try {
  const page = await browser.newPage();
  await page.goto(process.argv[2]);
  await page.waitForFunction(() => !document.getElementById("state").textContent.startsWith("Loading"));
  const state = await page.textContent("#state");
  if (state !== "Ready.") throw new Error(state);
  const idle = () => page.waitForFunction(() => document.body.ariaBusy === "false");
  const found = { drawings: [], texts: [] };
  for (const strokes of drawings) {
    await page.click("#clear");
    for (const stroke of strokes) await draw(page, stroke);
    await idle();
    const answer = await page.textContent("#answer");
    const numbers = await page.evaluate(async () => {
      const picture = readPicture(digits.form);
      return { picture: [...picture], probabilities: [...(await digits.recognise(picture))] };
    });
    found.drawings.push({ ...numbers, answer });
  }
  for (const text of texts) {
    await page.fill("#review", text);
    await idle();
    const probability = await page.evaluate((text) => reviews.score(text), text);
    found.texts.push({ probability, opinion: await page.textContent("#opinion") });
  }
  console.log(JSON.stringify(found));
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT });
} finally {
  await browser.close();
}
