// What the tests stand on: a real server on an empty folder, and a browser in which nothing may go wrong unseen.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("../../", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ? join(root, process.env.CARGO_TARGET_DIR) : join(root, "target");
const absolute = process.env.CARGO_TARGET_DIR?.startsWith("/") ? process.env.CARGO_TARGET_DIR : target;
/** The program under test. */
export const SEXTANT = process.env.SEXTANT_BIN ?? join(absolute, "debug/sextant");
const CHROMIUM = process.env.SEXTANT_TEST_CHROMIUM ?? "/usr/bin/chromium";

export const ADMIN = { email: "ada@example.com", password: "correct horse battery" };

/** A server on an empty folder; with `admin`, its administrator is there already. */
export async function startServer({ admin = true, env = {}, seed } = {}) {
  assert.ok(existsSync(SEXTANT), `build the server first: ${SEXTANT} is not there`);
  const folder = mkdtempSync(join(tmpdir(), "sextant-console-"));
  const data = join(folder, "data");
  const first = admin ? { SEXTANT_ADMIN_EMAIL: ADMIN.email, SEXTANT_ADMIN_PASSWORD: ADMIN.password } : {};
  const given = { ...process.env, ...first, ...env };
  if (seed) await run(["bench-seed", ...seed, "--data", data], given);
  const server = spawn(SEXTANT, ["serve", "--listen", "127.0.0.1:0", "--data", data], { env: given });
  let out = "";
  let said = "";
  server.stderr.on("data", (text) => {
    said += text;
  });
  const ready = Promise.withResolvers?.() ?? deferred();
  server.stdout.on("data", (text) => {
    out += text;
    const match = /listening on (\S+)/.exec(out);
    if (match) ready.resolve(match[1]);
  });
  server.on("exit", (code) => ready.reject(new Error(`the server ended with ${code}:\n${said}`)));
  const url = await within(60_000, ready.promise, () => `the server did not get ready:\n${said}`);
  return {
    url,
    data,
    /** Waits until the server has said something of that form. */
    async said(pattern) {
      const until = Date.now() + 20_000;
      while (Date.now() < until) {
        const match = pattern.exec(said);
        if (match) return match;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`the server did not say ${pattern}:\n${said}`);
    },
    async stop() {
      const ended = new Promise((resolve) => server.once("exit", resolve));
      server.kill("SIGTERM");
      await within(20_000, ended, () => "the server did not stop");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

function within(milliseconds, promise, message) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(message())), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Runs the program to its end and answers what it wrote. */
export function run(args, env = process.env, input = undefined) {
  return execute(SEXTANT, args, env, input);
}

/** Runs a line as someone would paste it. */
export const paste = (line) => execute("bash", ["-c", line], process.env);

function execute(program, args, env, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env });
    let out = "";
    let errors = "";
    child.stdout.on("data", (text) => {
      out += text;
    });
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.on("error", reject);
    child.on("exit", (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${program} ended with ${code}: ${errors}`)),
    );
    child.stdin.end(input);
  });
}

/** The API as the pages use it, for what a test needs to be there. */
export async function client(server, who = ADMIN) {
  const send = async (method, path, body, headers = {}) => {
    const answer = await fetch(server.url + path, {
      method,
      headers: {
        origin: server.url,
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text.startsWith("{") ? JSON.parse(text) : text,
    };
  };
  const signedIn = await send("POST", "/v1/session", who);
  assert.equal(signedIn.status, 200, JSON.stringify(signedIn.body));
  const cookie = signedIn.headers.get("set-cookie").split(";")[0];
  return {
    async call(method, path, body) {
      const answer = await send(method, path, body, { cookie });
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    /** Makes a key; answers `{apiKey, key}`. */
    key(body, query = "") {
      return this.call("POST", `/v2/api-keys${query}`, { role: "INGESTION", ...body });
    },
    /** Adds a person with a password and roles. */
    person(email, roles) {
      return this.call("POST", "/v1/users", { email, password: ADMIN.password, roles });
    },
  };
}

/** Uses a key as a program does. */
export const use = (server, key) =>
  fetch(`${server.url}/v2/developers/schema`, { headers: { "x-api-key": key, "user-agent": "deploy/1.4" } });

let shared;

export async function browser() {
  shared ??= await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  return shared;
}

export async function closeBrowser() {
  await shared?.close();
  shared = undefined;
}

/**
 * A page in a profile of its own. Whatever the browser complains of is kept and must be empty at the end: errors of scripts,
 * messages on the console, violations of the policy, requests to other hosts. Refusals that a test provokes are announced with
 * `expectRefusal(status)`.
 */
export async function openPage(
  server,
  { width = 1440, height = 900, theme = "light", zone = "Europe/Berlin" } = {},
) {
  const context = await (await browser()).newContext({
    viewport: { width, height },
    colorScheme: theme,
    reducedMotion: "reduce",
    timezoneId: zone,
    acceptDownloads: true,
    permissions: [],
  });
  context.setDefaultTimeout(15_000);
  const complaints = [];
  const expected = new Set();
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(
        `policy violated: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
      );
    });
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(`error: ${error.stack}`));
  page.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const refusal = /Failed to load resource: the server responded with a status of (\d+)/.exec(
      message.text(),
    );
    const isProbe = refusal?.[1] === "401" && message.location().url.endsWith("/v1/session");
    if (isProbe || (refusal && expected.has(Number(refusal[1])))) return;
    if (message.text().includes("net::ERR_") && expected.has(0)) return;
    complaints.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on("request", (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!["data:", "blob:"].includes(protocol) && origin !== server.url)
      complaints.push(`another host: ${request.url()}`);
  });
  return {
    page,
    context,
    expectRefusal: (status) => expected.add(status),
    go: (path) => page.goto(server.url + path),
    async signIn(who = ADMIN, path = "/") {
      await page.goto(`${server.url}/sign-in?next=${encodeURIComponent(path)}`);
      await page.getByLabel("E-mail address").fill(who.email);
      await page.getByLabel(/^Password/).fill(who.password);
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("main").waitFor();
      await page.waitForURL((url) => url.pathname !== "/sign-in");
    },
    async close() {
      await context.close();
      assert.deepEqual(complaints, [], "the browser complained");
    },
  };
}

const SETTINGS = "/orgs/default/projects/default/settings";
export const KEYS = `${SETTINGS}/api-keys`;
export const ACTIVITY = `${SETTINGS}/activity`;
export const USERS = `${SETTINGS}/users`;
export const ACCOUNT = "/orgs/default/projects/default/account";
