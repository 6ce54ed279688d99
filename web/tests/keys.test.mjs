import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { client, closeBrowser, KEYS, openPage, startServer, use } from "./support.mjs";

let server;
let api;
before(async () => {
  server = await startServer();
  api = await client(server);
  for (let i = 1; i <= 60; i++) await api.key({ name: `key ${String(i).padStart(2, "0")}` });
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const names = (page) => page.getByRole("row").getByRole("link").allTextContents();
const shows = (page, expected) =>
  page.waitForFunction((wanted) => {
    const links = [...document.querySelectorAll("tbody a")].map((link) => link.textContent);
    return (
      JSON.stringify(links.slice(0, wanted.length)) === JSON.stringify(wanted) &&
      !document.querySelector("[data-stale]")
    );
  }, expected);

test("search, order and page stand in the address, and the way back goes through them", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  await shows(page, ["key 60", "key 59"]);
  await page.getByRole("button", { name: "Next" }).click();
  await shows(page, ["key 10", "key 09"]);
  assert.equal(new URL(page.url()).search, "?page=2");
  await page.getByRole("button", { name: "Name" }).click();
  await shows(page, ["key 01", "key 02"]);
  assert.equal(new URL(page.url()).search, "?sort=name&order=asc");
  assert.equal(await page.getByRole("columnheader", { name: "Name" }).getAttribute("aria-sort"), "ascending");
  await page.getByLabel("Search").fill("key 4");
  await shows(page, ["key 40", "key 41"]);
  assert.equal((await names(page)).length, 10);
  const address = page.url();
  await page.getByRole("link", { name: "key 40" }).click();
  await page.getByRole("heading", { name: "key 40", level: 1 }).waitFor();
  assert.equal(await page.title(), "key 40 · Sextant");
  await page.goBack();
  await shows(page, ["key 40", "key 41"]);
  await page.goBack();
  await shows(page, ["key 10", "key 09"]);

  const another = await openPage(server);
  await another.signIn(undefined, new URL(address).pathname + new URL(address).search);
  await shows(another.page, ["key 40", "key 41"]);
  assert.equal(await another.page.getByLabel("Search").inputValue(), "key 4");
  await another.close();
  await session.close();
});

test("filters are asked of the server", async () => {
  const { apiKey } = await api.key({ name: "an admin", role: "ADMIN" });
  await api.call("PATCH", `/v2/api-keys/${apiKey.id}`, { enabled: false });
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  await page.getByLabel("Role").selectOption("ADMIN");
  await page.getByLabel("Status").selectOption("DISABLED");
  await shows(page, ["an admin"]);
  assert.equal((await names(page)).length, 1);
  await page.getByLabel("Status").selectOption("EXPIRED");
  await page.getByText("No key fits these filters").waitFor();
  await page.getByRole("button", { name: "Show all keys" }).click();
  await shows(page, ["an admin", "key 60"]);
  await session.close();
});

test("a key with limits is what was asked for", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${KEYS}?create=true`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("narrow");
  await dialog.getByText("Advanced").click();
  await dialog.getByLabel("Expires").selectOption("30");
  await dialog.getByLabel("Send engineering data").uncheck();
  await dialog.getByLabel("Networks").fill("127.0.0.0/8\n10.0.0.0/8");
  await dialog.getByLabel("Requests a minute").fill("600");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("button", { name: "I have stored it" }).click();
  const { apiKeys } = await api.call("GET", "/v2/api-keys?search=narrow");
  const [key] = apiKeys;
  assert.deepEqual(key.allowedCidrs, ["10.0.0.0/8", "127.0.0.0/8"]);
  assert.equal(key.rateLimitPerMinute, 600);
  assert.equal(key.role, "INGESTION");
  assert.ok(!key.scopes.includes("ingestion:write") && key.scopes.includes("developer_records:read"));
  const days = (Date.parse(key.expiresAt) - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days < 30.1);
  await session.close();
});

test("what does not fit is said where it was typed", async () => {
  const session = await openPage(server);
  const { page } = session;
  session.expectRefusal(409);
  session.expectRefusal(400);
  await session.signIn(undefined, `${KEYS}?create=true`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("KEY 01");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText(/is taken by another key/).waitFor();
  await dialog.getByLabel("Name").fill("fresh");
  await dialog.getByText("Advanced").click();
  await dialog.getByLabel("Networks").fill("nonsense");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog
    .getByRole("alert")
    .getByText(/allowedCidrs/i)
    .waitFor();
  await session.close();
});

test("many at once: each says what became of it", async () => {
  const made = [];
  for (const name of ["bulk one", "bulk two", "bulk three"]) made.push(await api.key({ name }));
  await use(server, made[0].key);
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${KEYS}?search=bulk`);
  await shows(page, ["bulk three", "bulk two", "bulk one"]);
  await page.getByLabel("Select all on this page").check();
  const bar = page.getByRole("region", { name: "Chosen keys" });
  await bar.getByRole("button", { name: "Disable" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Disable" }).click();
  await dialog.getByText("3 of 3 disabled").waitFor();
  assert.equal((await use(server, made[0].key)).status, 401);
  await dialog.locator("form").getByRole("button", { name: "Close" }).click();

  await page.getByLabel("Select all on this page").check();
  await bar.getByRole("button", { name: "Enable" }).click();
  await dialog.getByRole("button", { name: "Enable" }).click();
  await dialog.getByText("3 of 3 enabled").waitFor();
  await dialog.locator("form").getByRole("button", { name: "Close" }).click();

  await page.getByLabel("Select all on this page").check();
  await bar.getByRole("button", { name: "Delete" }).click();
  // One of them disappears meanwhile: its own line says so, the others go on.
  await api.call("DELETE", `/v2/api-keys/${made[1].apiKey.id}`);
  session.expectRefusal(404);
  await dialog.getByLabel(/^Type/).fill("delete 3");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByText("2 of 3 deleted, 1 refused").waitFor();
  await dialog.locator("form").getByRole("button", { name: "Close" }).click();
  await page.getByText("No key fits these filters").waitFor();
  assert.equal((await use(server, made[0].key)).status, 401);
  await session.close();
});

test("one key: narrowed, disabled, with its history, deleted", async () => {
  const { apiKey } = await api.key({ name: "a life", rateLimitPerMinute: 900 });
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${KEYS}/${apiKey.id}`);
  await page.getByRole("button", { name: "Edit" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Description").fill("narrower now");
  await dialog.getByLabel("Requests a minute").fill("90");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("90 a minute").waitFor();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Enable" }).waitFor();
  await page.reload();
  const history = page
    .getByRole("region", { name: "History" })
    .or(page.locator("section", { hasText: "History" }));
  await history.getByText("900").first().waitFor();
  session.expectRefusal(409);
  await page.getByRole("button", { name: "Edit" }).click();
  await dialog.getByLabel("Requests a minute").fill("9000");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("alert").getByText(/widen/).waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.waitForURL((url) => url.pathname === KEYS);
  session.expectRefusal(404);
  await page.goto(`${server.url}${KEYS}/${apiKey.id}`);
  await page.getByText("It is not there").waitFor();
  await session.close();
});
