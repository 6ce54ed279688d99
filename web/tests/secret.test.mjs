import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { closeBrowser, KEYS, openPage, startServer, use } from "./support.mjs";

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

/** Everything of a page that outlives what is shown. */
const remains = (page) =>
  page.evaluate(async () => {
    const caches = "caches" in window ? await window.caches.keys() : [];
    const databases = (await indexedDB.databases?.()) ?? [];
    return JSON.stringify({
      document: document.documentElement.outerHTML,
      typed: [...document.querySelectorAll("input, textarea")].map((field) => field.value),
      local: { ...localStorage },
      session: { ...sessionStorage },
      history: history.state,
      address: location.href,
      cookies: document.cookie,
      name: window.name,
      caches,
      databases,
      memory: window.performance.getEntriesByType("resource").map((entry) => entry.name),
    });
  });

async function makeKey(page, name) {
  await page.getByRole("button", { name: /Create.*API key/ }).click();
  await page.getByLabel("Name").fill(name);
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
  const secret = (await page.getByRole("dialog").locator("code").first().textContent()) ?? "";
  assert.match(secret, /^sxt_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
  return secret;
}

test("nothing keeps a key once its dialog is closed", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  const bodies = [];
  page.on("response", (response) => {
    if (response.request().method() === "POST") bodies.push(response.headers()["cache-control"]);
  });
  const secret = await makeKey(page, "kept nowhere");
  const tail = secret.slice(17);
  assert.ok((await remains(page)).includes(tail), "while it is shown it is found");
  assert.deepEqual(bodies, ["no-store"]);

  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("link", { name: "kept nowhere" }).waitFor();
  assert.ok(!(await remains(page)).includes(tail), "after the dialog");
  await page.goBack();
  await page.waitForTimeout(300);
  assert.ok(!(await remains(page)).includes(tail), "after the way back");
  await page.goForward();
  await page.reload();
  await page.getByRole("link", { name: "kept nowhere" }).waitFor();
  assert.ok(!(await remains(page)).includes(tail), "after loading again");
  assert.equal((await use(server, secret)).status, 200);
  await session.close();
});

test("leaving the page with the dialog open takes the key away, too", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  const secret = await makeKey(page, "left behind");
  await page.goto("about:blank");
  await page.goBack();
  await page.getByRole("heading", { name: "API keys" }).waitFor();
  assert.ok(!(await remains(page)).includes(secret.slice(17)));
  await session.close();
});

test("neither Escape nor a click beside it closes the dialog with the key", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  const secret = await makeKey(page, "not by mistake");
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 500);
  assert.equal(await page.getByRole("dialog").locator("code").first().textContent(), secret);
  await session.close();
});

test("the key can be copied and saved", async () => {
  const session = await openPage(server);
  const { page, context } = session;
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.url });
  await session.signIn(undefined, KEYS);
  const secret = await makeKey(page, "taken along");
  await page.getByRole("button", { name: "Copy key" }).click();
  await page.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Download as .env" }).click(),
  ]);
  const text = await readFile(await download.path(), "utf8");
  assert.equal(text, `SEXTANT_URL=${server.url}\nSEXTANT_API_KEY=${secret}\n`);
  await session.close();
});

test("a rotated key has a new secret, shown once", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  const first = await makeKey(page, "to rotate");
  await page.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("button", { name: "Rotate to rotate" }).click();
  await page.getByLabel("It also stops with the first use of the new one").check();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate" }).click();
  await page.getByText("This is the only time that the key is shown").waitFor();
  const second = await page.getByRole("dialog").locator("code").first().textContent();
  assert.notEqual(first, second);
  assert.equal((await use(server, first)).status, 200, "during the overlap");
  assert.equal((await use(server, second)).status, 200);
  assert.equal((await use(server, first)).status, 401, "its first use ended the other");
  await page.getByRole("button", { name: "I have stored it" }).click();
  assert.ok(!(await remains(page)).includes(second.slice(17)));
  await session.close();
});
