import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { closeBrowser, openPage, paste, startServer } from "./support.mjs";

let server;
before(async () => {
  server = await startServer({ admin: false });
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

test("from a set-up link to a first key that works, in three clicks, and to its end", async () => {
  const [link] = await server.said(/http\S+\/setup#token=\S+/);
  const session = await openPage(server);
  const { page } = session;
  await page.goto(link);
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel(/^Password/).fill("correct horse battery");
  assert.ok(!page.url().includes("token"), "the token does not stay in the address");

  await page.getByRole("button", { name: "Set up" }).click(); // one
  await page.getByRole("link", { name: "Create your first API key" }).click(); // two
  await page.getByRole("dialog").getByRole("button", { name: "Create" }).click(); // three

  const dialog = page.getByRole("dialog");
  await dialog.getByText("This is the only time that the key is shown").waitFor();
  const curl = await dialog.getByText(/^curl /).textContent();
  assert.ok(curl.includes(server.url), "with this server's address");
  const line = `${curl} --silent --output /dev/null --write-out '%{http_code}'`;
  assert.equal(await paste(line), "200");

  await dialog.getByRole("button", { name: "I have stored it" }).click();
  await page.getByRole("button", { name: "Delete my-first-key" }).click();
  const confirm = page.getByRole("dialog");
  await confirm.getByText(/It was last used .* from 127\.0\.0\.1 by curl/).waitFor();
  const end = confirm.getByRole("button", { name: "Delete" });
  assert.ok(await end.isDisabled(), "a key in use asks for its name");
  await confirm.getByLabel(/^Type/).fill("my-first-key");
  await end.click();
  await page.getByText("There is no API key in this project").waitFor();
  assert.equal(await paste(line), "401");
  await session.close();
});

test("a link that was used leads nowhere, and says so", async () => {
  const [link] = await server.said(/http\S+\/setup#token=\S+/);
  const session = await openPage(server);
  session.expectRefusal(404);
  await session.page.goto(link);
  await session.page.getByLabel("E-mail address").fill("eve@example.com");
  await session.page.getByLabel(/^Password/).fill("correct horse battery");
  await session.page.getByRole("button", { name: "Set up" }).click();
  await session.page
    .getByRole("alert")
    .getByText(/used|run out/)
    .waitFor();
  await session.close();
});
