import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ACCOUNT, ADMIN, client, closeBrowser, openPage, startServer, USERS } from "./support.mjs";

let server;
let api;
before(async () => {
  server = await startServer();
  api = await client(server);
  await api.call("POST", "/v1/orgs", { identifier: "platform", name: "Platform" });
  await api.call("POST", "/v1/orgs/platform/projects", { identifier: "payments", name: "Payments" });
});
after(async () => {
  await closeBrowser();
  await server.stop();
});

const as = (email) => ({ email, password: ADMIN.password });
const rolesOf = async (id) =>
  (await api.call("GET", `/v1/users/${id}`)).user.roles.map(({ role, orgIdentifier, projectIdentifier }) =>
    [role, orgIdentifier, projectIdentifier].filter(Boolean).join(" "),
  );

/** Everything of a page in which a secret could stay. */
const remains = (page) =>
  page.evaluate(() =>
    JSON.stringify([
      document.documentElement.outerHTML,
      [...document.querySelectorAll("input, textarea")].map((field) => field.value),
      { ...localStorage },
      { ...sessionStorage },
      history.state,
      location.href,
    ]),
  );

test("who is added gets a link, which is shown once and works once", async () => {
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, USERS);
  await page.getByText("Nobody else is here yet").waitFor();
  await page.getByRole("button", { name: "Add a person" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("E-mail address").fill("ines@example.com");
  await dialog.getByLabel("Name").fill("Ines");
  await dialog.getByLabel("Role", { exact: true }).selectOption("SEI_ADMIN");
  await dialog.getByLabel("Where it holds").selectOption({ label: "platform / Payments" });
  await dialog.getByRole("button", { name: "Add and show the link" }).click();
  await dialog.getByText("This is the only time that the link is shown").waitFor();
  const link = await dialog.locator("code").first().textContent();
  assert.ok(link.startsWith(`${server.url}/setup#token=`), link);
  const token = link.split("token=")[1];
  assert.ok((await remains(page)).includes(token), "while it is shown it is found");
  await page.keyboard.press("Escape");
  assert.equal(await dialog.locator("code").first().textContent(), link, "not closed by mistake");
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await page.getByRole("link", { name: "Ines" }).waitFor();
  await page.getByText("Not set up yet").waitFor();
  assert.ok(!(await remains(page)).includes(token), "after the dialog");
  await page.goBack();
  await page.waitForTimeout(300);
  assert.ok(!(await remains(page)).includes(token), "after the way back");

  const invited = await openPage(server);
  await invited.page.goto(link);
  await invited.page.getByLabel(/^Password/).fill("a password of her own");
  await invited.page.getByRole("button", { name: "Set up" }).click();
  await invited.page.waitForURL("**/orgs/platform/projects/payments");
  await invited.close();
  const again = await openPage(server);
  await again.signIn({ email: "ines@example.com", password: "a password of her own" });
  await again.page.waitForURL("**/orgs/platform/projects/payments");
  await again.close();
  await session.close();
});

test("search and state stand in the address", async () => {
  for (let i = 1; i <= 3; i++) await api.person(`search${i}@example.com`, []);
  const { users } = await api.call("GET", "/v1/users?search=search2");
  await api.call("PATCH", `/v1/users/${users[0].id}`, { active: false });
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${USERS}?search=search`);
  await page.getByText("1–3 of 3").waitFor();
  assert.equal(await page.getByLabel("Search").inputValue(), "search");
  await page.getByLabel("State").selectOption("deactivated");
  await page.getByText("1–1 of 1").waitFor();
  assert.equal(new URL(page.url()).search, "?search=search&state=deactivated");
  await page.goBack();
  await page.getByText("1–3 of 3").waitFor();
  await page.getByLabel("Search").fill("no one like that");
  await page.getByText("Nobody fits these filters").waitFor();
  await session.close();
});

test("roles are given and taken away, at the account, an organisation and a project", async () => {
  const { user } = await api.person("roles@example.com", []);
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${USERS}/${user.id}`);
  const give = page.getByRole("form", { name: "Give a role" });
  for (const [role, place] of [
    ["VIEWER", "The whole account"],
    ["TEAM_MANAGER", "Platform: all projects"],
    ["SEI_ADMIN", "platform / Payments"],
  ]) {
    await give.getByLabel("Role", { exact: true }).selectOption(role);
    await give.getByLabel("Where it holds").selectOption({ label: place });
    await give.getByRole("button", { name: "Give this role" }).click();
    await give.getByRole("button", { name: "They hold this role" }).waitFor();
  }
  assert.deepEqual((await rolesOf(user.id)).sort(), [
    "SEI_ADMIN platform payments",
    "TEAM_MANAGER platform",
    "VIEWER",
  ]);
  await page.getByRole("button", { name: /^Take away Team Manager/ }).click();
  await page.getByRole("button", { name: /^Take away Team Manager/ }).waitFor({ state: "detached" });
  assert.deepEqual((await rolesOf(user.id)).sort(), ["SEI_ADMIN platform payments", "VIEWER"]);
  await session.close();
});

test("the last who may manage people stays, and the page says why", async () => {
  const { user } = await api.call("GET", "/v1/session");
  const session = await openPage(server);
  const { page } = session;
  session.expectRefusal(409);
  await session.signIn(undefined, `${USERS}/${user.id}`);
  const why = /make another Account Admin first/;
  await page.getByRole("button", { name: /^Take away Account Admin/ }).click();
  await page.getByRole("alert").getByText(why).waitFor();
  await page.getByRole("button", { name: "Deactivate" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Deactivate" }).click();
  await dialog.getByRole("alert").getByText(why).waitFor();
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await dialog.getByLabel(/^Type/).fill(ADMIN.email);
  await dialog.getByRole("button", { name: "Delete" }).click();
  await dialog.getByRole("alert").getByText(why).waitFor();
  assert.deepEqual(await rolesOf(user.id), ["ACCOUNT_ADMIN"]);
  await session.close();
});

test("a session ended by someone else signs that browser out", async () => {
  const { user } = await api.person("away@example.com", [{ role: "SEI_ADMIN" }]);
  const theirs = await openPage(server);
  theirs.expectRefusal(401);
  await theirs.signIn(as("away@example.com"));
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${USERS}/${user.id}`);
  await page.getByRole("button", { name: /^End Chrome on Linux/ }).click();
  await page.getByText("Signed in nowhere").waitFor();
  await theirs.page.getByRole("link", { name: "Activity log" }).click();
  await theirs.page.waitForURL((url) => url.pathname === "/sign-in");
  await theirs.close();

  for (let i = 0; i < 2; i++) await client(server, as("away@example.com"));
  await page.reload();
  await page.getByRole("button", { name: "End all" }).click();
  await page.getByRole("dialog").getByText("2 browsers and programs have to sign in again").waitFor();
  await page.getByRole("button", { name: "End them" }).click();
  await page.getByText("Signed in nowhere").waitFor();
  await session.close();
});

test("deactivated, one is out; activated, one is in again; deleted, one is gone", async () => {
  const { user } = await api.person("coming@example.com", [{ role: "VIEWER" }]);
  await client(server, as("coming@example.com"));
  const mayEnter = async () => {
    const answer = await fetch(`${server.url}/v1/session`, {
      method: "POST",
      headers: { origin: server.url, "content-type": "application/json" },
      body: JSON.stringify(as("coming@example.com")),
    });
    return answer.status;
  };
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${USERS}/${user.id}`);
  const dialog = page.getByRole("dialog");
  await page.getByRole("button", { name: "Deactivate" }).click();
  await dialog.getByText("Their session ends at once").waitFor();
  await dialog.getByRole("button", { name: "Deactivate" }).click();
  await page.getByText("Deactivated", { exact: true }).first().waitFor();
  await page.getByText("Signed in nowhere").waitFor();
  assert.equal(await mayEnter(), 401);
  await page.getByRole("button", { name: "Activate" }).click();
  await page.getByRole("button", { name: "Deactivate" }).waitFor();
  assert.equal(await mayEnter(), 200);

  await page.getByRole("button", { name: "Rename" }).click();
  await dialog.getByLabel("Name").fill("Coming and Going");
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Coming and Going", level: 1 }).waitFor();

  await page.getByRole("button", { name: "Delete" }).click();
  await dialog.getByText("The API keys that they made go on working").waitFor();
  await dialog.getByLabel(/^Type/).fill("coming@example.com");
  await dialog.getByRole("button", { name: "Delete" }).click();
  await page.waitForURL((url) => url.pathname === USERS);
  assert.equal(await mayEnter(), 401);
  assert.equal(await page.getByRole("link", { name: "Coming and Going" }).count(), 0);
  await session.close();
});

test("a link for a new password replaces the password", async () => {
  const { user } = await api.person("forgot@example.com", [{ role: "VIEWER" }]);
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(undefined, `${USERS}/${user.id}`);
  await page.getByRole("button", { name: "Reset password" }).click();
  await page.getByRole("button", { name: "Make the link" }).click();
  await page.getByText("This is the only time that the link is shown").waitFor();
  const link = await page.getByRole("dialog").locator("code").first().textContent();
  await page.getByRole("button", { name: "I have copied it" }).click();
  assert.ok(!(await remains(page)).includes(link.split("token=")[1]));
  const theirs = await openPage(server);
  await theirs.page.goto(link);
  await theirs.page.getByLabel(/^Password/).fill("another password now");
  await theirs.page.getByRole("button", { name: "Set up" }).click();
  await theirs.page.getByRole("navigation", { name: "Main" }).waitFor();
  await theirs.close();
  await client(server, { email: "forgot@example.com", password: "another password now" });
  await session.close();
});

test("on one's own page, other sessions end, the password changes, and this session can end", async () => {
  await api.person("self@example.com", [{ role: "VIEWER" }]);
  const lost = await client(server, as("self@example.com"));
  const session = await openPage(server);
  const { page } = session;
  await session.signIn(as("self@example.com"));
  await page.getByRole("button", { name: "self", exact: true }).click();
  await page.getByRole("menuitem", { name: "My account" }).click();
  await page.waitForURL((url) => url.pathname === ACCOUNT);
  await page.getByText("This one").waitFor();
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByRole("button", { name: "End them" }).click();
  await page.getByText("All other sessions have ended").waitFor();
  await assert.rejects(lost.call("GET", "/v1/session"), /401/);

  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel(/^Current password/).fill(ADMIN.password);
  await dialog.getByLabel(/^New password/).fill("a better password");
  await dialog.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password is changed").waitFor();
  await client(server, { email: "self@example.com", password: "a better password" });

  await page.reload();
  await page.getByRole("button", { name: /^End .*, this one$/ }).click();
  await page.waitForURL((url) => url.pathname === "/sign-in");
  await session.close();
});

test("who may not manage people is not offered it, and is told so at its address", async () => {
  await api.person("sei@example.com", [{ role: "SEI_ADMIN" }]);
  const session = await openPage(server);
  const { page } = session;
  session.expectRefusal(403);
  await session.signIn(as("sei@example.com"), `${USERS}?create=true`);
  await page.getByText("You may not do this").waitFor();
  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.equal(await page.getByRole("button", { name: "Add a person" }).count(), 0);
  await session.close();
});
