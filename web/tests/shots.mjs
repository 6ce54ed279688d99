// A picture of every page, full and empty, in both themes, 360 and 1440 wide. Says where they are.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fill, fits, OUTSIDE, PAGES, visit } from "./pages.mjs";
import { closeBrowser, openPage, startServer } from "./support.mjs";

const wanted = process.argv.slice(2);
const folder = process.env.SEXTANT_SHOTS ?? mkdtempSync(join(tmpdir(), "sextant-shots-"));
const empty = await startServer();
const full = await startServer();
const filled = await fill(full);
const rounds = [
  { server: empty, of: "empty", pages: PAGES.filter((page) => !page.full) },
  { server: full, of: "full", pages: PAGES },
  { server: empty, of: "outside", pages: OUTSIDE },
];
for (const { server, of, pages } of rounds) {
  for (const theme of ["light", "dark"]) {
    for (const width of [360, 1440]) {
      const session = await openPage(server, { theme, width });
      if (of !== "outside") await session.signIn();
      for (const one of pages.filter(fits(width))) {
        if (wanted.length > 0 && !wanted.includes(one.name)) continue;
        await visit(session, one, filled);
        await session.page.screenshot({
          path: join(folder, `${one.name}-${of}-${theme}-${width}.png`),
          fullPage: !one.open || one.inPlace,
        });
      }
      await session.close();
    }
  }
}
await closeBrowser();
await empty.stop();
await full.stop();
console.log(folder);
if (wanted.includes("readme")) await import("./readme.mjs");
