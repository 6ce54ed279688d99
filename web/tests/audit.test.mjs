import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { ACTIVITY, ADMIN, client, closeBrowser, KEYS, openPage, startServer } from "./support.mjs";

let server;
let api;
let limited;
before(async () => {
  server = await startServer();
  api = await client(server);
  limited = (await api.key({ name: "limited", rateLimitPerMinute: 900 })).apiKey;
  await api.call("PATCH", `/v2/api-keys/${limited.id}`, { rateLimitPerMinute: 90, description: "narrower" });
  const gone = (await api.key({ name: "gone" })).apiKey;
  await api.call("DELETE", `/v2/api-keys/${gone.id}`);
  await api.call("POST", "/v1/orgs", { identifier: "platform", name: "Platform" });
  await api.person("grace@example.com", [{ role: "SEI_ADMIN" }]);
  const grace = await client(server, { email: "grace@example.com", password: ADMIN.password });
  await grace.key({ name: "by grace" });
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const rows = (page) => page.locator("tbody tr");
/** The badges of the rows once nothing is on its way any more. */
const counted = (page, count) =>
  page.waitForFunction(
    (wanted) =>
      document.querySelectorAll("tbody tr").length === wanted &&
      !document.querySelector("[data-stale], [aria-busy=true]"),
    count,
  );

test("filters stand in the address, and the way back goes through them", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, ACTIVITY);
  await page.getByLabel("Kind of thing").selectOption({ label: "API key" });
  await counted(page, 5);
  await page.getByLabel("Action").selectOption({ label: "Deleted" });
  await counted(page, 1);
  assert.equal(new URL(page.url()).search, "?type=API_ACCESS_KEY&action=DELETED");
  const address = page.url();
  await page.goBack();
  await counted(page, 5);
  assert.equal(await page.getByLabel("Action").inputValue(), "");
  await page.getByRole("button", { name: "grace@example.com" }).click();
  await counted(page, 1);
  assert.equal(new URL(page.url()).searchParams.get("who"), "grace@example.com");
  await page.getByRole("button", { name: "Clear" }).click();
  await page.getByRole("button", { name: "limited" }).first().click();
  await counted(page, 2);

  const another = await openPage(server);
  await another.signIn(undefined, new URL(address).pathname + new URL(address).search);
  await counted(another.page, 1);
  await another.page.getByRole("button", { name: "gone" }).waitFor();
  await another.close();
  await session.close();
});

test("times are local, and asked of the server as they are", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, ACTIVITY);
  await page.getByLabel("To", { exact: true }).fill("2020-01-01T12:00");
  await page.getByText("No entry fits these filters").waitFor();
  assert.equal(new URL(page.url()).searchParams.get("to"), "2020-01-01T11:00:00.000Z");
  await page.getByLabel("To", { exact: true }).fill("");
  await page.getByLabel("From", { exact: true }).fill("2020-01-01T12:00");
  await page.getByRole("table").waitFor();
  const exact = await rows(page).first().locator("time").getAttribute("title");
  assert.match(exact, /Europe\/Berlin/);
  await session.close();
});

test("a change is shown field by field", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${ACTIVITY}?action=EDITED&subject=${limited.id}`);
  await counted(page, 1);
  const summary = rows(page).first().locator("summary");
  assert.match(await summary.textContent(), /Rate limit per minute/);
  assert.equal(await page.locator("tbody del").count(), 0, "closed at first");
  await summary.press("Enter");
  const change = page.locator("dl > div").filter({ hasText: "Rate limit per minute" });
  assert.equal(await change.locator("del").textContent(), "900");
  assert.equal(await change.locator("ins").textContent(), "90");
  await session.close();
});

test("the log of this project is without what belongs to the account", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${ACTIVITY}?type=ORGANIZATION`);
  await page.getByRole("button", { name: "Platform" }).waitFor();
  await page.getByLabel("Where").selectOption({ label: "In this project" });
  await page.getByText("No entry fits these filters").waitFor();
  assert.match(page.url(), /of=project/);
  await session.close();
});

test("the export has what is shown, all pages of it", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${ACTIVITY}?type=API_ACCESS_KEY&who=ada@example.com&size=1`);
  await page.getByText("1–1 of 4").waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export as CSV" }).click(),
  ]);
  const lines = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
  assert.equal(lines.length, 5);
  assert.ok(lines.slice(1).every((line) => line.includes("ada@example.com")));
  assert.ok(!lines.some((line) => line.includes("by grace")));
  await session.close();
});

test("a key's page has its requests over time and the keys that it made", async () => {
  const parent = await api.key({ name: "parent", role: "ADMIN" });
  const made = await fetch(`${server.url}/v2/api-keys`, {
    method: "POST",
    headers: { "x-api-key": parent.key, "content-type": "application/json" },
    body: JSON.stringify({
      name: "child",
      role: "INGESTION",
      expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
      rateLimitPerMinute: 60,
    }),
  });
  assert.equal(made.status, 201, await made.text());
  // Uses are written down in batches.
  const until = Date.now() + 60_000;
  let used = 0;
  while (used === 0 && Date.now() < until) {
    used = (await api.call("GET", `/v2/api-keys/${parent.apiKey.id}/usage`)).totalRequests;
    if (used === 0) await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${KEYS}/${parent.apiKey.id}`);
  await page.getByRole("img", { name: /^1 request from/ }).waitFor();
  for (const [label, days] of [
    ["24 hours", 1],
    ["30 days", 30],
    ["90 days", 90],
  ]) {
    await page.getByText(label, { exact: true }).click();
    await page.waitForURL((url) => url.searchParams.get("days") === String(days));
    await page.getByRole("img", { name: /^1 request from/ }).waitFor();
  }
  await page.getByRole("table", { name: "Keys that it made" }).getByRole("link", { name: "child" }).click();
  await page.getByRole("heading", { name: "child", level: 1 }).waitFor();
  await page.getByText("No requests in this time").waitFor();
  await session.close();
});
