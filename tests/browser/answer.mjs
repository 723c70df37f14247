// The answer page in a real browser: a running leadloop without any CRM, a lead, the message with the link, the page at the
// size of a phone in both languages, checked by axe, answered, changed, and misused. Called by scripts/browser.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [leadloop, browserPath, shots] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "leadloop-browser-"));
mkdirSync(shots, { recursive: true });

// Takes the notices, as a tool of the company would.
const notices = [];
const receiver = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => (body += chunk));
  request.on("end", () => {
    notices.push(JSON.parse(body));
    response.writeHead(200, { "content-type": "application/json" }).end('{"ok":true}');
  });
});
await new Promise((ready) => receiver.listen(0, "127.0.0.1", ready));

writeFileSync(join(folder, "people.csv"), "key,name,manager\nli.na,测试李,sun.hao\nzhao.min,测试赵,sun.hao\nsun.hao,测试孙,\n");
writeFileSync(join(folder, "leadloop.toml"), `
[leadloop]
timezone = "Asia/Shanghai"
language = "zh"
[store]
url = "sqlite:leadloop.db"
[server]
listen = "127.0.0.1:0"
public_url = "https://leads.shili.example"
[[source]]
name = "website"
connector = "web_form"
touch = "form_submitted"
require = ["phone or email"]
consent = "given"
[[score]]
name = "interest"
range = [0, 100]
touches = [{ touch = "form_submitted", points = 30 }]
[mql]
when = 'score.interest >= 30'
[sdr]
team = "desk"
when = 'lead.requirement == null'
fill = ["requirement"]
[people]
table = "people.csv"
[[team]]
name = "east"
members = [{ person = "li.na" }]
[[team]]
name = "desk"
members = [{ person = "zhao.min" }]
[[transfer]]
name = "everyone"
when = 'true'
do = { create = "lead", assign = { team = "east" } }
[[sla]]
name = "all"
when = 'true'
accept_within = "1 working day"
[[feedback]]
tag = "accepted"
label = { zh = "已接受", en = "Accepted" }
do = { stage = "accepted" }
[[feedback]]
tag = "need_unclear"
label = { zh = "需求不明确", en = "Need unclear" }
do = { rest = "30d" }
[[feedback]]
tag = "lost_to_competitor"
label = { zh = "被竞争对手拿下", en = "Lost to a competitor" }
ask = ["competitor"]
do = { rest = "180d" }
[[notify]]
name = "tool"
connector = "notify_webhook"
settings = { url = { env = "TOOL_URL" } }
send = [{ on = ["handed_over"], to = "owner", link = true }, { on = ["at_desk"], to = "sdr", link = true }]
`);

const node = spawn(leadloop, ["run", "--config", "leadloop.toml"], {
  cwd: folder,
  env: { ...process.env, NO_COLOR: "1", TOOL_URL: `http://127.0.0.1:${receiver.address().port}/` },
  stdio: ["ignore", "ignore", "pipe"],
});
let log = "";
const address = await new Promise((found, lost) => {
  node.stderr.on("data", (chunk) => {
    log += chunk;
    const match = log.match(/address=(\S+)/);
    if (match) found(match[1]);
  });
  node.on("exit", () => lost(new Error(`leadloop ended:\n${log}`)));
});
const base = `http://${address}`;

async function eventually(what, test) {
  for (let round = 0; round < 400; round += 1) {
    const found = await test();
    if (found) return found;
    await new Promise((next) => setTimeout(next, 50));
  }
  throw new Error(`${what} did not come\n${log}`);
}

async function lead(fields, event) {
  const before = notices.length;
  const answer = await fetch(`${base}/in/website`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fields),
  });
  assert.equal(answer.status, 200);
  const notice = await eventually(event, () => notices.slice(before).find((notice) => notice.event === event));
  assert.ok(notice.url.startsWith("https://leads.shili.example/a/"), notice.url);
  return notice.url.replace("https://leads.shili.example", base);
}

const problems = [];
async function check(page, name) {
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
  await page.evaluate(axe);
  const result = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  for (const violation of result.violations) {
    for (const place of violation.nodes) {
      problems.push(`${name}: ${violation.id} (${violation.impact}): ${violation.help}\n    ${place.html}`);
    }
  }
  assert.ok(result.passes.length > 10, `${name}: axe looked at nothing`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
  if (wide) problems.push(`${name}: wider than the screen`);
}

const browser = await chromium.launch({ executablePath: browserPath, args: ["--no-sandbox"] });
try {
  // A script would be a leak in this page's promise to work without any; axe needs its own door past the policy.
  const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true, bypassCSP: true };
  const context = await browser.newContext(phone);
  const page = await context.newPage();

  const url = await lead({ name: "测试甲", phone: "13900000001", company: "示例机器人（上海）有限公司", requirement: "产线质检，三条线 <script>alert(1)</script>" }, "handed_over");
  for (const language of ["zh", "en"]) {
    const response = await page.goto(`${url}?lang=${language}`);
    assert.equal(response.status(), 200);
    const headers = response.headers();
    assert.match(headers["content-security-policy"], /default-src 'none'/);
    assert.equal(headers["cache-control"], "no-store");
    assert.equal(headers["referrer-policy"], "no-referrer");
    assert.equal(await page.locator("script").count(), 0);
    await check(page, `form-${language}`);
    await page.locator("label", { hasText: language === "zh" ? "被竞争对手拿下" : "Lost to a competitor" }).click();
    assert.ok(await page.getByLabel(language === "zh" ? "竞争对手" : "Competitor", { exact: true }).isVisible());
    await check(page, `question-${language}`);
  }

  // Without scripts, as in the strictest of browsers: nothing chosen, then an answer, then its change.
  const plain = await browser.newContext({ ...phone, javaScriptEnabled: false, bypassCSP: false });
  const bare = await plain.newPage();
  await bare.goto(`${url}?lang=zh`);
  const form = await bare.content();
  await bare.getByLabel("被竞争对手拿下").check();
  await bare.getByLabel("竞争对手", { exact: true }).fill("示例对手");
  await bare.getByLabel("备注（选填）").fill("价格原因");
  await bare.getByRole("button", { name: "提交" }).click();
  assert.match(await bare.locator("main").innerText(), /已收到您的反馈：被竞争对手拿下/);
  await bare.screenshot({ path: join(shots, "thanks-zh.png"), fullPage: true });

  // The same form again is refused, and so is a made one.
  const hidden = (name) => form.match(new RegExp(`name="${name}" value="([^"]*)"`))[1];
  const send = (fields) => fetch(url, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
  const again = await send({ form: hidden("form"), version: hidden("version"), answer: "accepted" });
  assert.equal(again.status, 409);
  assert.equal((await send({ form: "x", version: hidden("version"), answer: "accepted" })).status, 404);
  assert.equal((await fetch(url.slice(0, -1) + (url.endsWith("A") ? "B" : "A"))).status, 404);

  await eventually("the answer", async () => {
    await page.goto(`${url}?lang=en`);
    return (await page.locator("main").innerText()).includes("You can still change it");
  });
  await check(page, "answered-en");
  assert.equal(await page.locator("input[name=answer]:checked").inputValue(), "lost_to_competitor");
  await page.getByLabel("Accepted").check();
  await page.getByRole("button", { name: "Send" }).click();
  assert.match(await page.locator("main").innerText(), /Your answer: Accepted/);
  await check(page, "thanks-en");

  const desk = await lead({ name: "测试乙", phone: "13900000002", company: "示例科技" }, "at_desk");
  for (const language of ["zh", "en"]) {
    await page.goto(`${desk}?lang=${language}`);
    await check(page, `desk-${language}`);
  }
  await page.getByLabel("Requirement").fill("AGV");
  await page.getByLabel("There is a need: on to sales").check();
  const before = notices.length;
  await page.getByRole("button", { name: "Send" }).click();
  assert.match(await page.locator("main").innerText(), /Need confirmed/);
  await eventually("the hand-over behind the desk", () => notices.slice(before).find((n) => n.event === "handed_over" && n.text.includes("AGV")));
  await eventually("the desk's end", async () => {
    await page.goto(`${desk}?lang=en`);
    return (await page.locator("main").innerText()).includes("Nothing can be answered");
  });
  await check(page, "over-en");
  for (const [language, name] of [["zh", "forged-zh"], ["en", "forged-en"]]) {
    await page.goto(`${base}/a/AAAA?lang=${language}`);
    await check(page, name);
  }
} finally {
  await browser.close();
  node.removeAllListeners("exit");
  node.kill("SIGTERM");
  await new Promise((ended) => node.once("exit", ended));
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
}
if (problems.length > 0) {
  console.error(problems.join("\n"));
  console.error(`browser: ${problems.length} problems; screenshots in ${shots}`);
  process.exit(1);
}
console.log(`browser: the answer page holds in both languages; screenshots in ${shots}`);
