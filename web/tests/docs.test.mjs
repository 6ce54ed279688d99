import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { client, closeBrowser, openPage, paste, startServer } from "./support.mjs";

let server;
let document;
let api;
before(async () => {
  server = await startServer();
  document = await (await fetch(`${server.url}/openapi.json`)).json();
  api = await client(server);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), ...operation })),
  );
const calls = (page) => page.getByRole("navigation", { name: "Calls" });
const link = (page, id) => calls(page).locator(`a[href="/docs/${id}"], a[href^="/docs/${id}?"]`);
const keyField = (page) => page.getByRole("textbox", { name: "API key" });
const send = (page) => page.getByRole("button", { name: "Send", exact: true }).click();
const answer = (page) => page.getByRole("region", { name: "Answer", exact: true });

/** Everything of a page that outlives what is shown, and what the browser remembers of the way here. */
const remains = async (page, context) => {
  const here = await page.evaluate(async () => {
    const databases = (await indexedDB.databases?.()) ?? [];
    return JSON.stringify({
      document: document.documentElement.outerHTML,
      typed: [...document.querySelectorAll("input, textarea")].map((field) => field.value),
      local: { ...localStorage },
      session: { ...sessionStorage },
      history: history.state,
      address: location.href,
      name: window.name,
      caches: "caches" in window ? await window.caches.keys() : [],
      databases,
      asked: performance.getEntriesByType("resource").map((entry) => entry.name),
    });
  });
  const debug = await context.newCDPSession(page);
  const { entries } = await debug.send("Page.getNavigationHistory");
  await debug.detach();
  return here + JSON.stringify(entries) + JSON.stringify(await context.storageState());
};

test("every call is listed and opens, by click and by its address, without signing in", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.go("/docs");
  await page.getByRole("heading", { name: "How to use the API", level: 1 }).waitFor();
  const all = operations();
  assert.ok(all.length > 30);
  for (const { operationId, method, path, responses, parameters = [] } of all) {
    assert.equal(await link(page, operationId).count(), 1, operationId);
    await link(page, operationId).click();
    await page.waitForURL(`${server.url}/docs/${operationId}`);
    const main = page.getByRole("main");
    await main.locator("h1 ~ div").getByText(path, { exact: true }).waitFor();
    const text = await main.textContent();
    assert.ok(text.includes(`${server.url}${path}`), `${operationId}: the command has this server's address`);
    assert.ok(text.toUpperCase().includes(method), operationId);
    for (const { name } of parameters) assert.ok(text.includes(name), `${operationId}: ${name}`);
    for (const status of Object.keys(responses))
      assert.ok(text.includes(status), `${operationId}: ${status}`);
    assert.equal(await link(page, operationId).getAttribute("aria-current"), "page");
  }
  await session.go("/docs/createApiKey");
  await page.getByRole("heading", { name: "Make a key", level: 1 }).waitFor();
  assert.equal(await page.title(), "Make a key · Sextant");
  await session.close();
});

test("a call says who may, and what goes in and comes out, however deep", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.go("/docs/listApiKeys");
  const main = page.getByRole("main");
  await main.getByText("api_keys:read").waitFor();
  const text = await main.textContent();
  assert.match(text, /KeysAdminPeopleAccount Admin, SEI AdminParameters/);
  assert.match(text, /array of ApiKey/);
  assert.match(text, /lastUsedUserAgent/);
  assert.match(text, /CreatedBy[\s\S]*Their name at that time/);
  await session.close();
});

test("the search finds by path, words and permission, is in the address, and the way back works", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.go("/docs");
  const field = page.getByRole("searchbox", { name: "Search the calls" });
  const shown = () => calls(page).locator("li a").count();
  for (const [text, id, expected] of [
    ["/rotate", "rotateApiKey", 1],
    ["audit log", "listAuditEntries", 1],
    ["audit:read", "listAuditEntries", 1],
    ["overlapSeconds", "rotateApiKey", 1],
    ["users:write", "createUser", operations().filter((one) => one["x-permission"] === "users:write").length],
  ]) {
    await field.fill("");
    await field.pressSequentially(text);
    await page.getByText(`${expected} of ${operations().length} calls`).waitFor();
    assert.equal(await shown(), expected, text);
    assert.equal(await link(page, id).count(), 1, text);
    assert.equal(await field.inputValue(), text, "no letter is lost");
  }
  await field.fill("rotate new");
  await field.press("Enter");
  await page.waitForURL(`${server.url}/docs/rotateApiKey?q=rotate+new`);
  await page.reload();
  assert.equal(await field.inputValue(), "rotate new");
  await link(page, "rotateApiKey").waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: "How to use the API" }).waitFor();
  await page.goForward();
  await page.getByRole("heading", { name: "Give a key a new secret" }).waitFor();
  await field.fill("nothing of the kind");
  await page.getByRole("button", { name: "Show all" }).click();
  await link(page, "healthz").waitFor();
  assert.equal(new URL(page.url()).search, "");
  await session.close();
});

test("a key is tried, by itself, and nothing keeps it", async () => {
  const { key } = await api.key({ name: "to try", role: "ADMIN" });
  const session = await openPage(server);
  const { page, context } = session;
  // A session beside it: the key alone must count.
  await session.signIn();
  await session.go("/docs/listApiKeys");
  await keyField(page).fill(key);
  assert.equal(await keyField(page).getAttribute("type"), "password");
  await page.getByRole("button", { name: "Show or hide the key" }).click();
  assert.equal(await keyField(page).getAttribute("type"), "text");
  await page.getByLabel("pageSize").fill("1");
  const asked = page.waitForRequest((request) => request.url().includes("/v2/api-keys"));
  await send(page);
  const request = await asked;
  const headers = await request.allHeaders();
  assert.equal(request.url(), `${server.url}/v2/api-keys?pageSize=1`);
  assert.equal(headers["x-api-key"], key);
  assert.equal(headers.cookie, undefined);
  await answer(page).getByText("200 OK").waitFor();
  assert.match(await answer(page).textContent(), /\d+ ms/);
  assert.match(await answer(page).textContent(), /"pageSize": 1/);
  await answer(page)
    .getByText(/Headers \(\d+\)/)
    .click();
  await answer(page).getByText("x-request-id", { exact: true }).waitFor();
  const tail = key.slice(17);
  const markup = () => page.evaluate(() => document.documentElement.outerHTML);
  assert.ok((await remains(page, context)).includes(tail), "while it is in the field it is found");
  assert.ok(!(await markup()).includes(tail), "the document's attributes never have it");

  await link(page, "developerSchema").click();
  await page.getByRole("heading", { name: /^The account's columns/ }).waitFor();
  await send(page);
  await answer(page).getByText("200 OK").waitFor();
  await page.getByRole("button", { name: "Forget the key" }).click();
  assert.ok(!(await remains(page, context)).includes(tail), "forgotten");

  await keyField(page).fill(key);
  await page.getByRole("link", { name: "To the console" }).click();
  await page.getByRole("navigation", { name: "Main" }).waitFor();
  assert.ok(!(await remains(page, context)).includes(tail), "after leaving");
  await page.goBack();
  await page.getByRole("heading", { name: /^The account's columns/ }).waitFor();
  assert.equal(await keyField(page).inputValue(), "");
  assert.ok(!(await remains(page, context)).includes(tail), "after the way back");

  await keyField(page).fill(key);
  await page.goto("about:blank");
  await page.goBack();
  await keyField(page).waitFor();
  assert.equal(await keyField(page).inputValue(), "");
  assert.ok(!(await remains(page, context)).includes(tail), "after leaving the server");
  await session.close();
});

test("what changes something asks before it is sent", async () => {
  const { key } = await api.key({ name: "to change", role: "ADMIN" });
  const names = async () => (await api.call("GET", "/v2/api-keys")).apiKeys.map(({ name }) => name);
  const session = await openPage(server);
  const { page } = session;
  await session.go("/docs/createApiKey");
  await keyField(page).fill(key);
  const body = page.getByLabel("Body (JSON)");
  assert.deepEqual(JSON.parse(await body.inputValue()), { name: "github-actions", role: "INGESTION" });
  await body.fill("{");
  await send(page);
  await page.getByRole("alert").getByText("The body is not JSON").waitFor();
  await body.fill('{"name": "made here", "role": "INGESTION", "description": "it\'s"}');
  await send(page);
  const dialog = page.getByRole("dialog");
  await dialog.getByText("POST /v2/api-keys").waitFor();
  await page.keyboard.press("Enter");
  await dialog.waitFor({ state: "hidden" });
  assert.ok(!(await names()).includes("made here"), "the first choice is not to");
  await send(page);
  await dialog.getByRole("button", { name: "Send it" }).click();
  await answer(page).getByText("201 Created").waitFor();
  assert.ok((await names()).includes("made here"));
  session.expectRefusal(409);
  await send(page);
  await dialog.getByRole("button", { name: "Send it" }).click();
  await answer(page).getByText("409 Conflict").waitFor();
  await answer(page).getByText("NAME_TAKEN").waitFor();
  await session.close();
});

test("a key never goes into an address", async () => {
  const { key } = await api.key({ name: "not there" });
  const session = await openPage(server);
  const { page } = session;
  await session.go("/docs/readApiKey");
  await keyField(page).fill(key);
  await page.getByRole("textbox", { name: "id", exact: true }).fill(key);
  let sent = false;
  page.on("request", () => {
    sent = true;
  });
  await send(page);
  await page.getByRole("alert").getByText("There is a key among the parameters").waitFor();
  assert.equal(sent, false);
  await session.close();
});

test("a wrong key is refused as everywhere, and no key is asked for", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.go("/docs/developerSchema");
  await keyField(page).waitFor();
  await send(page);
  assert.equal(await answer(page).count(), 0, "the field is required");
  session.expectRefusal(401);
  await keyField(page).fill("nonsense");
  await send(page);
  await answer(page).getByText("401 Unauthorized").waitFor();
  await answer(page).getByText("INVALID_API_KEY").waitFor();
  await session.close();
});

test("the command is what was filled in, and works where it is pasted", async () => {
  const { key } = await api.key({ name: "to paste", role: "ADMIN" });
  const session = await openPage(server);
  const { page, context } = session;
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: server.url });
  const copied = async () => {
    await page.getByRole("button", { name: "Copy command" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  await session.go("/docs/listApiKeys");
  await keyField(page).fill(key);
  await page.getByLabel("search", { exact: true }).fill("it's & more");
  const list = await copied();
  assert.ok(list.startsWith(`curl '${server.url}/v2/api-keys?search=it%27s+%26+more'`), list);
  assert.ok(list.includes("$SEXTANT_API_KEY") && !list.includes(key), list);
  const run = async (line) => JSON.parse(await paste(`export SEXTANT_API_KEY=${key}\n${line}`));
  assert.equal((await run(list)).totalCount, 0);
  await session.go("/docs/createApiKey");
  await page
    .getByLabel("Body (JSON)")
    .fill('{"name": "pasted", "role": "INGESTION", "description": "it\'s"}');
  const made = await run(await copied());
  assert.equal(made.apiKey.description, "it's");
  await session.close();
});

test("on a narrow screen the list leads to the call and back", async () => {
  const session = await openPage(server, { width: 360, height: 740 });
  const { page } = session;
  await session.go("/docs");
  await link(page, "rotateApiKey").click();
  await page.getByRole("heading", { name: "Give a key a new secret" }).waitFor();
  await calls(page).waitFor({ state: "hidden" });
  await page.getByRole("link", { name: "All calls" }).click();
  await calls(page).waitFor();
  await session.close();
});
