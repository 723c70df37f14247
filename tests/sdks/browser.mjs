// Clients that live in a page: a headless Chromium opens a page of another origin than leadloop, as a website is.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

import { browserPath, check, eventually, person, shots } from "./running.mjs";

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
    await ownScript(browser, base);
    await signIn(browser, base);
    return 1 + 2 + 3;
  } finally {
    await browser.close();
  }
}

async function sensors(browser, base) {
  const site = await website({
    "/sensorsdata.min.js": ["text/javascript", readFileSync(module("sa-sdk-javascript/sensorsdata.min.js"))],
    "/pricing": html(`<script src="/sensorsdata.min.js"></script><script>
      const sensors = window["sensorsDataAnalytic201505"];
      sensors.init({ server_url: ${JSON.stringify(`${base}/sa?project=sdks`)}, send_type: "ajax", show_log: false });
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
    // The page view, the event, the login and the profile are answered before the page goes.
    await eventually("an answer to each of the four", () => answers.length >= 4);
    await page.close({ runBeforeUnload: false });
    const story = await person("13900000013", `uba_id ${visitor}`, "login_id sw-user-1");
    assert.equal(story.lead.profile.company?.value, "示例机器人有限公司");
    assert.ok(story.touches.some((touch) => touch.fields.event === "WhitepaperDownload"), JSON.stringify(story.touches));
    assert.deepEqual(wrong, []);
    assert.deepEqual(answers.filter((status) => status !== 200), []);
  });
  site.stop();
}

/// Our own script, on a page with a form that posts elsewhere, as existing ones do.
async function ownScript(browser, base) {
  const form = `<form id="demo" data-leadloop="demo" action="/thanks">
    <input name="name"><input name="mobile" type="tel"><input name="pin" type="password"><input name="card" autocomplete="cc-number">
    <input type="hidden" name="csrf" value="secret-of-the-site">
    <label><input type="checkbox" name="agree" data-leadloop-consent="transfer">同意</label><button>提交</button></form>`;
  const script = `<script src="${base}/in/site/leadloop.js"></script>`;
  const site = await website({
    "/": html(script, `<a href="/demo">预约</a>`),
    "/demo": html(script, form),
    "/thanks": html(script, "<h1>谢谢</h1>"),
  });
  const opened = async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const seen = { told: [], others: [], wrong: [] };
    page.on("request", (request) => {
      const url = request.url();
      if (url.startsWith(`${base}/in/site`) && request.method() === "POST") seen.told.push(...JSON.parse(request.postData()).events);
      else if (!url.startsWith(site.address) && !url.startsWith(`${base}/in/site/leadloop.js`) && !url.startsWith("data:")) seen.others.push(url);
    });
    page.on("pageerror", (error) => seen.wrong.push(String(error)));
    return { context, page, seen };
  };
  const fill = async (page, name, phone) => {
    await page.fill("[name=name]", name);
    await page.fill("[name=mobile]", phone);
    await page.fill("[name=pin]", "never-told");
    await page.fill("[name=card]", "4111111111111111");
    await page.check("[name=agree]");
    await page.click("button");
    await page.waitForURL("**/thanks**");
  };

  await check("own script: without consent nothing is stored and only the form is told", async () => {
    const { context, page, seen } = await opened();
    await page.goto(`${site.address}/?utm_source=baidu`);
    await page.goto(`${site.address}/demo`);
    await fill(page, "测试丁", "13900000014");
    const story = await person("13900000014", "phone +8613900000014");
    assert.deepEqual([story.lead.consent.transfer?.given, story.lead.consent.transfer?.text_version], [true, "2026-10"]);
    assert.deepEqual(seen.told.map((event) => event.kind), ["form"]);
    assert.doesNotMatch(JSON.stringify(seen.told), /never-told|4111|secret-of-the-site|visitor/);
    assert.deepEqual([seen.others, seen.wrong, await context.cookies()], [[], [], []]);
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length), 0);
    await context.close();
  });

  await check("own script: with consent the visit, the campaign and the form are one person's", async () => {
    const { context, page, seen } = await opened();
    await page.goto(`${site.address}/?utm_source=baidu&utm_campaign=servo`);
    await page.evaluate(() => window.leadloop("consent", true));
    await page.evaluate(() => window.leadloop("track", "PriceAsked", { product: "servo" }));
    await page.evaluate(() => history.pushState({}, "", "/#prices"));
    await page.goto(`${site.address}/demo`);
    await fill(page, "测试戊", "13900000015");
    const visitor = await page.evaluate(() => localStorage.getItem("leadloop_visitor"));
    const story = await person("13900000015", `cookie ${visitor}`);
    const done = story.touches.map((touch) => touch.fields.event ?? touch.kind);
    assert.ok(done.includes("PriceAsked") && done.includes("form_submitted"), done.join());
    const sent = story.touches.find((touch) => touch.kind === "form_submitted");
    assert.deepEqual([sent.fields.utm_source, sent.fields.utm_campaign, sent.fields.form], ["baidu", "servo", "demo"]);
    assert.ok(seen.told.filter((event) => event.kind === "page").length >= 3, "three pages");
    await page.evaluate(() => window.leadloop("consent", false));
    assert.equal(await page.evaluate(() => localStorage.getItem("leadloop_visitor")), null);
    assert.deepEqual([seen.others, seen.wrong], [[], []]);
    await context.close();
  });
  site.stop();
}

/// The sign-in page at phone size: a poster, a tablet without a network, the sheet of codes.
async function signIn(browser, base) {
  mkdirSync(shots, { recursive: true });
  const context = await browser.newContext({ viewport: { width: 390, height: 844 }, locale: "zh-CN" });
  const wrong = [];
  const open = async (path) => {
    const page = await context.newPage();
    page.on("pageerror", (error) => wrong.push(String(error)));
    await page.goto(`${base}/in/booth${path}`);
    return page;
  };
  const enter = async (page, name, phone) => {
    await page.fill("#name", name);
    await page.fill("#phone", phone);
    await page.check("[name=consent]");
    await page.click("form button");
  };
  const touch = (story) => story.touches.find((one) => one.kind === "event_signed_in").fields;

  await check("sign-in page: a poster says whose it is, in both languages, within the width of a phone", async () => {
    const page = await open("?by=li.na");
    await page.screenshot({ path: `${shots}/sign-in-zh.png`, fullPage: true });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    await page.click("#other");
    await page.waitForURL("**lang=en**");
    assert.match(page.url(), /by=li\.na/);
    await page.screenshot({ path: `${shots}/sign-in-en.png`, fullPage: true });
    await enter(page, "测试己", "13900000016");
    await page.waitForSelector("#done:not([hidden])");
    await page.screenshot({ path: `${shots}/sign-in-done.png`, fullPage: true });
    const fields = touch(await person("13900000016", "phone +8613900000016"));
    assert.deepEqual([fields.event, fields.by], ["fair-2026", "li.na"]);
    await page.close();
  });

  await check("sign-in page: without a network the tablet loses nobody and doubles nobody", async () => {
    const page = await open("?tablet");
    await page.evaluate(() => navigator.serviceWorker?.ready.then(() => true));
    await context.setOffline(true);
    await enter(page, "测试庚", "13900000017");
    await page.waitForSelector("#done:not([hidden])");
    await page.screenshot({ path: `${shots}/sign-in-offline.png`, fullPage: true });
    await page.click("#done button");
    assert.equal(await page.inputValue("#phone"), "", "the next person sees nothing of the last");
    await page.reload();
    await enter(page, "测试辛", "13900000018");
    await page.waitForSelector("#done:not([hidden])");
    assert.match(await page.textContent("#waiting"), /2/);
    await context.setOffline(false);
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.waitForSelector("#waiting", { state: "hidden" });
    for (const phone of ["13900000017", "13900000018"]) {
      const story = await person(phone, `phone +86${phone}`);
      assert.equal(story.touches.filter((one) => one.kind === "event_signed_in").length, 1);
      assert.equal(String(touch(story).tablet), "true");
    }
    assert.equal(await page.evaluate(() => localStorage.getItem("leadloop_sign_in_booth")), "[]");
    await page.close();
  });

  await check("sign-in page: the sheet has a code for the event and for each salesperson", async () => {
    const page = await open("/codes");
    await page.screenshot({ path: `${shots}/sign-in-codes.png`, fullPage: true });
    assert.equal(await page.locator("figure svg").count(), 3);
    assert.deepEqual(wrong, []);
    await page.close();
  });
  await context.close();
}
