// What the parts of this job share: a running leadloop in a folder of its own, its commands, the count of checks.
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const [binary, browserPath, python, home, shots] = process.argv.slice(2);
export const writeKey = "sdk-write-key";
const folder = mkdtempSync(join(tmpdir(), "leadloop-sdks-"));
const env = { ...process.env, NO_COLOR: "1", SDK_WRITE_KEY: writeKey };
let passed = 0;
let failed = 0;

/// One check, said in a sentence; what it threw is shown.
export async function check(sentence, test) {
  try {
    await test();
    passed += 1;
    console.log(`ok      ${sentence}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${sentence}\n${error?.stack ?? error}`);
  }
}

/// Starts leadloop; answers its base address and how to end it.
export async function start() {
  copyFileSync(join(home, "leadloop.toml"), join(folder, "leadloop.toml"));
  const node = spawn(binary, ["run", "--config", "leadloop.toml"], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  const address = await new Promise((found, lost) => {
    for (const stream of [node.stdout, node.stderr]) {
      stream.on("data", (chunk) => {
        log += chunk;
        const match = log.match(/address=(\S+)/);
        if (match) found(match[1]);
      });
    }
    node.on("exit", () => lost(new Error(`leadloop ended:\n${log}`)));
  });
  const ended = new Promise((end) => node.on("exit", end));
  const stop = async () => {
    node.kill();
    await ended;
    if (failed > 0) console.log(log);
    rmSync(folder, { recursive: true, force: true });
  };
  return { base: `http://${address}`, stop };
}

/// What a command says, as JSON; nothing where it fails.
export function ask(...words) {
  const done = spawnSync(binary, [...words, "--config", "leadloop.toml", "--output", "json"], { cwd: folder, env, encoding: "utf8" });
  return done.status === 0 ? JSON.parse(done.stdout) : null;
}

/// Waits until a look finds something.
export async function eventually(what, look) {
  let found = null;
  for (let round = 0; round < 100; round += 1) {
    found = await look();
    if (found) return found;
    await new Promise((next) => setTimeout(next, 100));
  }
  throw new Error(`${what} did not come`);
}

/// The story of a person, once all these identifiers are his.
export function person(who, ...identifiers) {
  return eventually(`${who} with ${identifiers.join(", ")}`, () => {
    const story = ask("why", who, "--reveal");
    return story && identifiers.every((id) => story.lead.identifiers.includes(id)) ? story : null;
  });
}

/// Runs a program that is one of the clients; fails with what it said.
export function client(program, args, more = {}) {
  return new Promise((done, lost) => {
    const child = spawn(program, args, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    const clock = setTimeout(() => child.kill("SIGKILL"), 60_000);
    child.stdout.on("data", (chunk) => (said += chunk));
    child.stderr.on("data", (chunk) => (said += chunk));
    child.on("exit", (code) => {
      clearTimeout(clock);
      if (code === 0) done(said);
      else lost(new Error(`it ended with ${code}:\n${said}`));
    });
  });
}

export function finish() {
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}
