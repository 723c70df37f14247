// Clients that live in a page: a headless Chromium opens a page of another origin than leadloop, as a website is.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

import { browserPath, check, person } from "./running.mjs";

const module = (path) => createRequire(import.meta.url).resolve(path);

/// The website: what stands at each path.
async function website(pages) {
  const server = createServer((request, response) => {
    const page = pages[request.url.split("?")[0]];
    response.writeHead(page ? 200 : 404, { "content-type": page?.[0] ?? "text/plain" }).end(page?.[1] ?? "");
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { address: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

// Without an icon of its own a browser asks for one, and the answer would stand among what went wrong.
const html = (head, body = "") => ["text/html; charset=utf-8", `<!doctype html><html lang="zh"><head><title>示例</title><link rel="icon" href="data:,">${head}</head><body>${body}</body></html>`];

/// Opens every page there is to open; answers how many people came of it.
export async function browse(base) {
  const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
  try {
    await sensors(browser, base);
    return 1;
  } finally {
    await browser.close();
  }
}

async function sensors(browser, base) {
  const site = await website({
    "/sensorsdata.min.js": ["text/javascript", readFileSync(module("sa-sdk-javascript/sensorsdata.min.js"))],
    "/pricing": html(`<script src="/sensorsdata.min.js"></script><script>
      const sensors = window["sensorsDataAnalytic201505"];
      sensors.init({ server_url: ${JSON.stringify(`${base}/sa?project=sdks`)}, send_type: "beacon", show_log: false });
      sensors.quick("autoTrack");
    </script>`, "<h1>价格</h1>"),
  });
  await check("sensors-web sees success", async () => {
    const page = await browser.newPage();
    const answers = [];
    const wrong = [];
    page.on("pageerror", (error) => wrong.push(String(error)));
    page.on("console", (line) => line.type() === "error" && wrong.push(line.text()));
    page.on("response", (response) => response.url().startsWith(base) && answers.push(response.status()));
    await page.goto(`${site.address}/pricing?utm_source=baidu&utm_campaign=servo`);
    const visitor = await page.evaluate(async () => {
      const sensors = window["sensorsDataAnalytic201505"];
      sensors.track("WhitepaperDownload", { file: "servo.pdf" });
      sensors.login("sw-user-1");
      sensors.setProfile({ phone: "13900000013", company: "示例机器人有限公司" });
      return sensors.quick("getAnonymousID");
    });
    await page.close({ runBeforeUnload: false });
    const story = await person("13900000013", `uba_id ${visitor}`, "login_id sw-user-1");
    assert.equal(story.lead.profile.company?.value, "示例机器人有限公司");
    assert.ok(story.touches.some((touch) => touch.fields.event === "WhitepaperDownload"), JSON.stringify(story.touches));
    assert.deepEqual(wrong, []);
    assert.deepEqual(answers.filter((status) => status !== 200), []);
  });
  site.stop();
}
