import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ADMIN, client, closeBrowser, KEYS, openPage, startServer } from "./support.mjs";

let server;
let api;
before(async () => {
  server = await startServer();
  api = await client(server);
  await api.call("POST", "/v1/orgs", { identifier: "platform", name: "Platform" });
  await api.call("POST", "/v1/orgs/platform/projects", { identifier: "payments", name: "Payments" });
  await api.key({ name: "of default" });
  await api.key({ name: "of payments" }, "?orgIdentifier=platform&projectIdentifier=payments");
  const project = { orgIdentifier: "platform", projectIdentifier: "payments" };
  await api.person("viewer@example.com", [{ role: "VIEWER" }]);
  await api.person("manager@example.com", [{ role: "TEAM_MANAGER", ...project }]);
  await api.person("sei@example.com", [{ role: "SEI_ADMIN", ...project }]);
  await api.person("nobody@example.com", []);
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const as = (email) => ({ email, password: ADMIN.password });
const menu = (page) => page.getByRole("navigation", { name: "Main" });
const offered = async (page) => {
  await menu(page).waitFor();
  return menu(page).getByRole("link").allTextContents();
};

test("the menu offers what the role may do, and the pages offer no more", async () => {
  const settings = ["API Keys", "Activity log", "Users and access"];
  for (const [email, entries] of [
    [ADMIN.email, settings],
    ["sei@example.com", ["API Keys", "Activity log"]],
    ["manager@example.com", []],
    ["viewer@example.com", []],
  ]) {
    const session = await openPage(server);
    await session.signIn(as(email));
    const there = await offered(session.page);
    for (const entry of ["Overview", "API documentation"]) assert.ok(there.includes(entry), email);
    assert.deepEqual(
      settings.filter((entry) => there.includes(entry)),
      entries,
      email,
    );
    await session.close();
  }
});

test("an address by hand does not lead around the role", async () => {
  const session = await openPage(server);
  session.expectRefusal(403);
  await session.signIn(as("viewer@example.com"), `${KEYS}?create=true`);
  await session.page.getByText("You may not do this").waitFor();
  assert.equal(await session.page.getByRole("dialog").count(), 0);
  await session.close();
});

test("an SEI Admin of one project sees that project, and hands on only what they hold", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(as("sei@example.com"));
  await page.waitForURL("**/orgs/platform/projects/payments");
  await menu(page).getByRole("link", { name: "API Keys" }).click();
  await page.getByRole("link", { name: "of payments" }).waitFor();
  await page.getByRole("button", { name: "Create API key" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("within bounds");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("This is the only time that the key is shown").waitFor();
  const found = await api.call(
    "GET",
    "/v2/api-keys?orgIdentifier=platform&projectIdentifier=payments&search=within",
  );
  assert.ok(!found.apiKeys[0].scopes.includes("developer_records:write"), "that takes a role at the account");
  await page.goto(server.url + KEYS);
  await page.getByText("There is no project default / default for you").waitFor();
  await session.close();
});

test("who has no role is told so", async () => {
  const session = await openPage(server);
  await session.signIn(as("nobody@example.com"));
  await session.page.getByText("You have no role yet").waitFor();
  await session.close();
});

test("the project is chosen, and stands in the address", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, KEYS);
  await page.getByRole("link", { name: "of default" }).waitFor();
  await page.getByRole("combobox", { name: "Project" }).click();
  await page.getByRole("option", { name: "Payments" }).click();
  await page.getByRole("link", { name: "of payments" }).waitFor();
  assert.ok(page.url().endsWith("/orgs/platform/projects/payments/settings/api-keys"));
  await page.goBack();
  await page.getByRole("link", { name: "of default" }).waitFor();
  await session.close();
});

test("a session that ends leads to the sign-in page, and from there back", async () => {
  const session = await openPage(server);
  const { page, context } = session;
  session.expectRefusal(401);
  await session.signIn(undefined, `${KEYS}?sort=name`);
  await page.getByRole("link", { name: "of default" }).waitFor();
  await context.clearCookies();
  await page.getByLabel("Search").fill("of");
  await page.waitForURL((url) => url.pathname === "/sign-in");
  await page.getByLabel("E-mail address").fill(ADMIN.email);
  await page.getByLabel(/^Password/).fill("wrong");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("do not belong together").waitFor();
  await page.getByLabel(/^Password/).fill(ADMIN.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "of default" }).waitFor();
  assert.equal(new URL(page.url()).pathname, KEYS);
  await session.close();
});

test("signing out ends the session for the server as well", async () => {
  const session = await openPage(server);
  const { page, context } = session;
  await session.signIn();
  const cookies = await context.cookies();
  await page.getByRole("button", { name: "ada", exact: true }).click();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.getByRole("heading", { name: "Sign in" }).waitFor();
  const [cookie] = cookies;
  const answer = await fetch(`${server.url}/v1/session`, {
    headers: { cookie: `${cookie.name}=${cookie.value}` },
  });
  assert.equal(answer.status, 401);
  await session.close();
});

test("an address of another host is not gone on with", async () => {
  const session = await openPage(server);
  await session.go("/sign-in?next=//evil.example/");
  await session.page.getByLabel("E-mail address").fill(ADMIN.email);
  await session.page.getByLabel(/^Password/).fill(ADMIN.password);
  await session.page.getByRole("button", { name: "Sign in" }).click();
  await session.page.waitForURL((url) => url.pathname !== "/sign-in");
  assert.equal(new URL(session.page.url()).origin, server.url);
  await session.close();
});

test("the theme follows the system until it is chosen, and is remembered", async () => {
  const session = await openPage(server, { theme: "dark" });
  const { page } = session;
  const shown = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await session.signIn();
  const dark = await shown();
  await page.getByRole("button", { name: "Theme: As the system" }).click();
  await page.getByRole("menuitemradio", { name: "Light" }).click();
  const light = await shown();
  assert.notEqual(dark, light);
  await page.reload();
  await menu(page).waitFor();
  assert.equal(await shown(), light);
  await session.close();
});

test("without the server, the page says so and goes on when it is back", async () => {
  const session = await openPage(server);
  const { page, context } = session;
  session.expectRefusal(0);
  await session.signIn(undefined, KEYS);
  await page.getByRole("link", { name: "of default" }).waitFor();
  await context.setOffline(true);
  await page.getByLabel("Role").selectOption("ADMIN");
  await page.getByText("The server did not answer").first().waitFor();
  await context.setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("No key fits these filters").waitFor();
  await session.close();
});

test("the keyboard alone suffices, and focus comes back after a dialog", async () => {
  const session = await openPage(server);
  const { page } = session;
  const focused = () => page.evaluate(() => document.activeElement?.textContent ?? "");
  await session.signIn(undefined, KEYS);
  await page.getByRole("link", { name: "of default" }).waitFor();
  await page.reload();
  await page.getByRole("link", { name: "of default" }).waitFor();
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Skip to the page");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await focused(), "Create API key", "the first thing of the page itself");
  const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.notEqual(ring, "none", "it can be seen where the keyboard is");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.waitForFunction(() => document.activeElement?.matches('[role="dialog"] input'));
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await page.waitForFunction(() => document.activeElement?.textContent === "Create API key");
  await session.close();
});

test("on a narrow screen the menu is behind a button", async () => {
  const session = await openPage(server, { width: 360, height: 740 });
  const { page } = session;
  await session.signIn();
  assert.equal(await menu(page).count(), 0);
  await page.getByRole("button", { name: "Menu" }).click();
  await menu(page).getByRole("link", { name: "API Keys" }).click();
  await page.getByRole("heading", { name: "API keys", level: 1 }).waitFor();
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  await session.close();
});
