// The vendors' SDKs against a running leadloop: each as its maker ships it, pointed at us. Called by scripts/sdks.
import assert from "node:assert/strict";
import { join } from "node:path";

import { browse } from "./browser.mjs";
import { ask, check, client, eventually, finish, home, person, python, start } from "./running.mjs";

const { base, stop } = await start();

// The clients do not know of each other; their people are apart.
const clients = [
  ["sensors-python", () => client(python, [join(home, "send.py"), "sensors-python", base])],
  ["segment-python", () => client(python, [join(home, "send.py"), "segment-python", base])],
  ["rudder-python", () => client(python, [join(home, "send.py"), "rudder-python", base])],
  ["sensors-node", () => client(process.execPath, [new URL("send.cjs", import.meta.url).pathname, "sensors-node", base])],
  ["segment-node", () => client(process.execPath, [new URL("send.cjs", import.meta.url).pathname, "segment-node", base])],
];
await Promise.all(clients.map(([sdk, send]) => check(`${sdk} sees success`, send)));

/// What stands on a person's timeline, as "kind" or "kind event".
const told = (story) => story.touches.map((touch) => [touch.kind, touch.fields.event].filter(Boolean).join(" "));

/// A person known by phone or mail, with the visitor's and the user's id bound to the same lead, and what he did.
async function is(sdk, who, prefix, company, wanted) {
  await check(`${sdk}: visitor, user and ${who} are one person, with what he did`, async () => {
    const story = await person(who, `uba_id ${prefix}-visitor-1`, `login_id ${prefix}-user-1`);
    assert.equal(story.lead.profile.company?.value, company);
    const done = await eventually(`all of ${wanted}`, () => {
      const list = told(ask("why", who, "--reveal"));
      return wanted.every((touch) => list.includes(touch)) ? list : null;
    }).catch((error) => assert.fail(`${error.message}; there are ${told(ask("why", who, "--reveal"))}`));
    // Each once, though SDKs send again and their page views come beside.
    for (const touch of wanted) assert.equal(done.filter((one) => one === touch).length, 1, touch);
  });
}

await is("sensors-python", "13900000011", "sp", "示例机器人有限公司", ["web_event WhitepaperDownload", "signed_up $SignUp", "profile_updated"]);
await is("segment-python", "segment-python@shili.example", "gp", "Shili Robotics", ["web_event Whitepaper Downloaded", "web_event Demo Requested"]);
await is("rudder-python", "rudder-python@shili.example", "rp", "Shili Robotics", ["web_event Whitepaper Downloaded", "web_event Demo Requested"]);
await is("sensors-node", "13900000012", "sn", "示例机器人有限公司", ["web_event WhitepaperDownload", "signed_up $SignUp"]);
await is("segment-node", "segment-node@shili.example", "gn", "Shili Robotics", ["web_event Whitepaper Downloaded", "web_event Demo Requested"]);

const more = await browse(base);
await check("as many people as there were, and no more", () => {
  const { leads, more: others } = ask("lead", "list");
  assert.deepEqual([leads.length, others], [clients.length + more, false]);
});
await stop();
finish();
