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

for (const theme of ["light", "dark"]) {
  for (const width of [360, 1440]) {
    test(`every page, full and empty, can be read by everyone: ${theme}, ${width} wide`, async () => {
      const wrong = [];
      const rounds = [
        { server: empty, of: "empty", pages: PAGES.filter((page) => !page.full) },
        { server: full, of: "full", pages: PAGES },
        { server: empty, of: "outside", pages: OUTSIDE },
      ];
      for (const { server, of, pages } of rounds) {
        const session = await openPage(server, { theme, width });
        if (of !== "outside") await session.signIn();
        for (const one of pages.filter(fits(width))) {
          await visit(session, one, filled);
          const found = await violations(session.page);
          const beside = await overflow(session.page);
          if (beside > 0) found.push(`${beside} px stand out to the side`);
          if (!(await session.page.title()).endsWith("Sextant")) found.push("no title");
          wrong.push(...found.map((what) => `${one.name} (${of}): ${what}`));
        }
        await session.close();
      }
      assert.deepEqual(wrong, []);
    });
  }
}
