import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { fill, fits, OUTSIDE, PAGES, visit } from "./pages.mjs";
import { closeBrowser, openPage, startServer } from "./support.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

let empty;
let full;
let filled;
before(async () => {
  [empty, full] = await Promise.all([startServer(), startServer()]);
  filled = await fill(full);
});
after(async () => {
  await closeBrowser();
  await Promise.all([empty.stop(), full.stop()]);
});

async function violations(page) {
  // By the debugger's way: a script element would be against the policy.
  await page.evaluate(axe);
  const found = await page.evaluate(async (tags) => {
    const { violations } = await window.axe.run(document, { runOnly: { type: "tag", values: tags } });
    return violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes
          .map((node) => `${node.html} ${node.any[0]?.message ?? ""}`)
          .slice(0, 3)
          .join(" | ")}`,
    );
  }, RULES);
  return found;
}

/** What stands out to the side: a page must not be scrolled sideways. */
const overflow = (page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

const WIDTHS = [1440, 360];

for (const theme of ["light", "dark"]) {
  test(`every page, full and empty, wide and narrow, can be read by everyone: ${theme}`, async () => {
    const wrong = [];
    const rounds = [
      { server: empty, of: "empty", pages: PAGES.filter((page) => !page.full && !page.same) },
      { server: full, of: "full", pages: PAGES },
      { server: empty, of: "outside", pages: OUTSIDE },
    ];
    for (const { server, of, pages } of rounds) {
      const session = await openPage(server, { theme });
      const { page } = session;
      if (of !== "outside") await session.signIn();
      for (const one of pages) {
        const widths = WIDTHS.filter((width) => fits(width)(one));
        await page.setViewportSize({ width: widths[0], height: 900 });
        await visit(session, one, filled);
        for (const width of widths) {
          await page.setViewportSize({ width, height: 900 });
          const found = await violations(page);
          const beside = await overflow(page);
          if (beside > 0) found.push(`${beside} px stand out to the side`);
          if (!(await page.title()).endsWith("Sextant")) found.push("no title");
          wrong.push(...found.map((what) => `${one.name} (${of}, ${width}): ${what}`));
        }
      }
      await session.close();
    }
    assert.deepEqual(wrong, []);
  });
}
