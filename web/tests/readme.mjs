// The two pictures of ../README.md: the list of keys and the dialog that makes one, in a project as there are.
import { fileURLToPath } from "node:url";
import { client, closeBrowser, KEYS, openPage, startServer, use } from "./support.mjs";

const folder = fileURLToPath(new URL("../../docs/images/", import.meta.url));
const server = await startServer();
const api = await client(server);
const inDays = (days) => new Date(Date.now() + days * 86_400_000).toISOString();
const made = [
  { name: "terraform", role: "ADMIN", description: "Keys and settings as code", expiresAt: inDays(180) },
  { name: "jira-sync", description: "Issues of the delivery teams", expiresAt: inDays(5) },
  { name: "jenkins", description: "Nightly builds" },
  { name: "github-actions", description: "CI of the platform team", expiresAt: inDays(90) },
];
for (const [times, one] of made.entries()) {
  const { key } = await api.key(one);
  for (let i = 0; i < times * 7; i++) await use(server, key);
}
const take = async (theme, path, name, ready) => {
  const session = await openPage(server, { width: 1440, height: 720, theme });
  await session.signIn(undefined, path);
  await ready(session.page).waitFor();
  await session.page.screenshot({ path: `${folder}${name}.png` });
  await session.close();
};
await take("light", KEYS, "keys", (page) => page.getByRole("link", { name: "github-actions" }));
await take("dark", `${KEYS}?create=true`, "create", (page) => page.getByRole("dialog"));
await closeBrowser();
await server.stop();
console.log(folder);
