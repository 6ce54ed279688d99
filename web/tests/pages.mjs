// Every page of the console, as the tests and the pictures visit it. `at` answers its address; `open` does what else is
// needed, and ends with a dialog unless it is `inPlace`.
import { ACCOUNT, ACTIVITY, ADMIN, client, KEYS, USERS, use } from "./support.mjs";

/** Fills a server with what a project of some age has. */
export async function fill(server) {
  const api = await client(server);
  await api.call("POST", "/v1/orgs", { identifier: "platform", name: "Platform" });
  for (const identifier of ["payments", "search"]) {
    await api.call("POST", "/v1/orgs/platform/projects", { identifier, name: identifier });
  }
  const soon = new Date(Date.now() + 5 * 86_400_000).toISOString();
  const later = new Date(Date.now() + 200 * 86_400_000).toISOString();
  const used = await api.key({
    name: "github-actions",
    description: "CI of the platform team",
    expiresAt: later,
  });
  for (let i = 0; i < 5; i++) await use(server, used.key);
  const admin = await api.key({
    name: "terraform",
    role: "ADMIN",
    description: "Keys and settings as code",
    expiresAt: later,
  });
  await api.key({
    name: "jenkins",
    expiresAt: soon,
    allowedCidrs: ["10.0.0.0/8", "192.168.0.0/16"],
    rateLimitPerMinute: 600,
  });
  const off = await api.key({ name: "old-importer", scopes: ["ingestion:write"] });
  await api.call("PATCH", `/v2/api-keys/${off.apiKey.id}`, { enabled: false });
  await api.call("PATCH", `/v2/api-keys/${admin.apiKey.id}`, {
    description: "Settings as code",
    rateLimitPerMinute: 1200,
  });
  await api.call("POST", `/v2/api-keys/${used.apiKey.id}/rotate`, { overlapSeconds: 86_400 });
  const child = await fetch(`${server.url}/v2/api-keys`, {
    method: "POST",
    headers: { "x-api-key": admin.key, "content-type": "application/json" },
    body: JSON.stringify({ name: "team-a", role: "INGESTION", expiresAt: later, rateLimitPerMinute: 60 }),
  });
  if (child.status !== 201) throw new Error(await child.text());
  await api.key({ name: "a-name-as-long-as-names-may-get-".repeat(4) });
  const payments = { orgIdentifier: "platform", projectIdentifier: "payments" };
  const grace = await api.person("grace.hopper@example.com", [
    { role: "SEI_ADMIN" },
    { role: "TEAM_MANAGER", orgIdentifier: "platform" },
    { role: "VIEWER", ...payments },
  ]);
  for (let i = 0; i < 2; i++)
    await client(server, { email: "grace.hopper@example.com", password: ADMIN.password });
  await api.call("POST", "/v1/users", { email: "invited@example.com", name: "Ines the Invited" });
  const left = await api.person(`${"someone-with-a-long-address".repeat(2)}@example.com`, [
    { role: "VIEWER" },
  ]);
  await api.call("PATCH", `/v1/users/${left.user.id}`, { active: false });
  return { used: used.apiKey.id, admin: admin.apiKey.id, grace: grace.user.id };
}

const button = (name) => (page) => page.getByRole("button", { name }).first().click();

/** Pages of who is signed in. `full` pages need what `fill` answers; `same` ones do not depend on it. */
/** Those that there are at this width. */
export const fits = (width) => (page) => !page.narrow || width < 900;

export const PAGES = [
  { name: "overview", at: () => "/" },
  { name: "keys", at: () => KEYS },
  { name: "keys-none-fits", full: true, at: () => `${KEYS}?search=nothing-like-it` },
  { name: "key-create", at: () => `${KEYS}?create=true` },
  {
    name: "key-create-advanced",
    same: true,
    at: () => `${KEYS}?create=true`,
    open: async (page) => {
      for (const summary of await page.locator("summary").all()) await summary.click();
    },
  },
  { name: "key-rotate", full: true, at: () => KEYS, open: button("Rotate github-actions") },
  { name: "key-delete", full: true, at: () => KEYS, open: button("Delete github-actions") },
  {
    name: "keys-chosen",
    full: true,
    at: () => KEYS,
    open: async (page) => {
      await page.getByLabel("Select jenkins").check();
      await page.getByLabel("Select github-actions").check();
      await page.getByRole("region", { name: "Chosen keys" }).getByRole("button", { name: "Delete" }).click();
    },
  },
  { name: "key", full: true, at: ({ used }) => `${KEYS}/${used}` },
  { name: "key-admin", full: true, at: ({ admin }) => `${KEYS}/${admin}` },
  { name: "key-edit", full: true, at: ({ used }) => `${KEYS}/${used}`, open: button("Edit") },
  { name: "activity", at: () => ACTIVITY },
  {
    name: "activity-open",
    full: true,
    at: () => `${ACTIVITY}?action=EDITED`,
    open: async (page) => {
      for (const summary of await page.locator("td summary").all()) await summary.click();
    },
    inPlace: true,
  },
  { name: "activity-none-fits", same: true, at: () => `${ACTIVITY}?who=nobody@example.com` },
  { name: "users", at: () => USERS },
  { name: "users-none-fits", same: true, at: () => `${USERS}?search=nobody-like-that` },
  { name: "user-create", same: true, at: () => `${USERS}?create=true` },
  {
    name: "user-link",
    full: true,
    at: ({ grace }) => `${USERS}/${grace}`,
    open: async (page) => {
      await page.getByRole("button", { name: "Reset password" }).click();
      await page.getByRole("button", { name: "Make the link" }).click();
      await page.getByText("This is the only time").waitFor();
    },
  },
  { name: "user", full: true, at: ({ grace }) => `${USERS}/${grace}` },
  { name: "user-delete", full: true, at: ({ grace }) => `${USERS}/${grace}`, open: button("Delete") },
  { name: "user-gone", same: true, at: () => `${USERS}/nobody`, refused: 404 },
  { name: "account", at: () => ACCOUNT },
  { name: "key-gone", same: true, at: () => `${KEYS}/000000000000`, refused: 404 },
  { name: "no-project", same: true, at: () => "/orgs/nowhere/projects/none" },
  { name: "no-page", same: true, at: () => "/there/is/no/such/page" },
  {
    name: "menu",
    same: true,
    at: () => "/",
    narrow: true,
    open: button("Menu"),
  },
  {
    name: "password",
    same: true,
    at: () => KEYS,
    open: async (page) => {
      await page.getByRole("button", { name: "ada", exact: true }).click();
      await page.getByRole("menuitem", { name: "Change password" }).click();
    },
  },
];

/** Pages of who is not. */
export const OUTSIDE = [
  { name: "docs", at: () => "/docs" },
  { name: "docs-none-fits", at: () => "/docs?q=nothing-like-it" },
  { name: "docs-get", at: () => "/docs/listApiKeys?q=keys" },
  { name: "docs-post", at: () => "/docs/createApiKey" },
  { name: "docs-form", at: () => "/docs/uploadDevelopers" },
  { name: "docs-open", at: () => "/docs/whoAmI" },
  { name: "docs-no-call", at: () => "/docs/there-is-none" },
  {
    name: "docs-answer",
    at: () => "/docs/healthz",
    open: async (page) => {
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByRole("region", { name: "Body of the answer" }).waitFor();
      await page.getByText("Headers (").click();
    },
    inPlace: true,
  },
  {
    name: "docs-asks",
    at: () => "/docs/signIn",
    open: (page) => page.getByRole("button", { name: "Send" }).click(),
  },
  { name: "sign-in", at: () => "/sign-in" },
  { name: "set-up", at: () => "/setup#token=whatever" },
  { name: "set-up-without-token", at: () => "/setup" },
];

/** Opens one of them and waits until nothing is on its way. */
export async function visit(session, one, filled) {
  if (one.refused) session.expectRefusal(one.refused);
  await session.go(one.at(filled));
  await session.page.locator("h1").first().waitFor();
  await settled(session.page);
  if (one.open) {
    await one.open(session.page);
    if (!one.inPlace) await session.page.getByRole("dialog").waitFor();
    await settled(session.page);
  }
}

/** Everything that was asked for is there: no place is kept for it any more. */
const settled = (page) =>
  page.waitForFunction(
    () => !document.querySelector(".mantine-Skeleton-root, [aria-busy=true], [data-stale]"),
  );
