import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ACTIVITY, closeBrowser, KEYS, openPage, startServer } from "./support.mjs";

let server;
before(async () => {
  server = await startServer({ seed: ["--keys", "10000", "--audit", "20000"] });
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

test("of ten thousand keys a page is asked for and drawn, no more", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  const asked = [];
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === "/v2/api-keys") asked.push(searchParams.get("pageSize"));
  });
  await page.reload();
  await page.getByText("1–50 of 10,000").waitFor();
  assert.equal(await page.locator("tbody tr").count(), 50);
  await page.getByRole("button", { name: "Last", exact: true }).click();
  await page.getByText("9,951–10,000 of 10,000").waitFor();
  await page.getByRole("button", { name: "Name" }).click();
  await page.getByText("1–50 of 10,000").waitFor();
  const [name] = await page.locator("tbody a").first().allTextContents();
  await page.getByLabel("Search").fill(name);
  await page.getByText("1–1 of 1").waitFor();
  assert.ok(asked.length >= 4 && asked.every((size) => size === "50"), `${asked}`);
  await session.close();
});

test("of a long log a page is asked for and drawn, the last one like the first", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, ACTIVITY);
  const asked = [];
  page.on("request", (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === "/v2/audit") asked.push(searchParams.get("pageSize"));
  });
  await page.reload();
  await page.getByText(/^1–50 of 20,\d{3}$/).waitFor();
  assert.equal(await page.locator("tbody tr").count(), 50);
  await page.getByRole("button", { name: "Last", exact: true }).click();
  await page.getByRole("button", { name: "Next" }).and(page.locator(":disabled")).waitFor();
  const oldest = await page.locator("tbody tr").last().textContent();
  assert.match(oldest, /person40/, "who acted at the beginning only");
  await page.getByLabel("Action").selectOption({ label: "Exposed" });
  await page.getByText("1–2 of 2").waitFor();
  assert.ok(asked.length >= 3 && asked.every((size) => size === "50"), `${asked}`);
  await session.close();
});
