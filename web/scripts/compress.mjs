// Puts the compressed forms beside each file of dist/, once and as small as they get, and says what a first visit loads.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const BUDGET = 300 * 1024;
const files = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(html|js|css|svg|json)$/.test(entry.name))
  .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);

const sizes = new Map();
for (const file of files) {
  const bytes = readFileSync(file);
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  });
  const gzip = gzipSync(bytes, { level: 9 });
  writeFileSync(`${file}.br`, brotli);
  writeFileSync(`${file}.gz`, gzip);
  sizes.set(file.split("/").pop(), { brotli: brotli.length, gzip: gzip.length });
}

// What index.html names is loaded before anything is shown.
const index = readFileSync(new URL("index.html", dist), "utf8");
const first = [
  "index.html",
  ...[...index.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)].map((match) => match[1]),
];
const total = (form) => first.reduce((sum, name) => sum + sizes.get(name)[form], 0);
const kilobytes = (bytes) => `${(bytes / 1024).toFixed(1)} KB`;
console.log(
  `first load: ${kilobytes(total("brotli"))} by brotli, ${kilobytes(total("gzip"))} by gzip (${first.length} files)`,
);
if (total("gzip") > BUDGET) {
  console.error(
    `the first load is over ${kilobytes(BUDGET)}: load what is not needed at once with lazyRouteComponent`,
  );
  process.exit(1);
}
