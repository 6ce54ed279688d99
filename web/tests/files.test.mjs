import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { startServer } from "./support.mjs";

let server;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

/** A request without what `fetch` adds and takes away. */
function get(path, headers = {}, method = "GET") {
  return new Promise((resolve, reject) => {
    const call = request(server.url + path, { method, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () =>
        resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) }),
      );
    });
    call.on("error", reject);
    call.end();
  });
}

const assets = async () =>
  [...(await get("/")).body.toString().matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(
    (match) => match[1],
  );

test("the page is asked for again, what it names is kept for ever", async () => {
  const page = await get("/");
  assert.equal(page.headers["cache-control"], "no-cache");
  assert.match(page.headers["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/);
  assert.ok(!/unsafe/.test(page.headers["content-security-policy"]));
  assert.equal(page.headers["cross-origin-opener-policy"], "same-origin");
  assert.equal(page.headers["referrer-policy"], "no-referrer");
  assert.equal(page.headers["x-content-type-options"], "nosniff");
  assert.ok(!/<script(?![^>]*\bsrc=)/.test(page.body.toString()), "no inline script");
  assert.ok(!/<style/.test(page.body.toString()), "no inline style");
  const named = await assets();
  assert.ok(named.length >= 3);
  for (const path of named) {
    const answer = await get(path);
    assert.equal(answer.status, 200, path);
    assert.equal(answer.headers["cache-control"], "public, max-age=31536000, immutable", path);
    assert.match(path, /-[\w-]{8}\.\w+$/, "its name changes with its content");
  }
});

test("what a first visit loads is at most 300 KB, whatever the browser takes", async () => {
  for (const encoding of ["br", "gzip"]) {
    let total = 0;
    for (const path of ["/", ...(await assets())]) {
      const answer = await get(path, { "accept-encoding": encoding });
      assert.equal(answer.headers["content-encoding"], encoding, path);
      assert.equal(answer.headers.vary, "Accept-Encoding");
      total += answer.body.length;
    }
    assert.ok(total <= 300 * 1024, `${total} bytes by ${encoding}`);
  }
});

test("the forms are one content, each with a tag of its own", async () => {
  const [script] = (await assets()).filter((path) => path.endsWith(".js"));
  const plain = await get(script, { "accept-encoding": "identity" });
  assert.equal(plain.headers["content-encoding"], undefined);
  const brotli = await get(script, { "accept-encoding": "gzip, br" });
  const gzip = await get(script, { "accept-encoding": "gzip, br;q=0" });
  assert.ok(brotliDecompressSync(brotli.body).equals(plain.body));
  assert.ok(gunzipSync(gzip.body).equals(plain.body));
  assert.equal(new Set([plain, brotli, gzip].map((answer) => answer.headers.etag)).size, 3);
  const again = await get(script, { "accept-encoding": "br", "if-none-match": brotli.headers.etag });
  assert.deepEqual([again.status, again.body.length], [304, 0]);
  const head = await get(script, { "accept-encoding": "br" }, "HEAD");
  assert.deepEqual([head.status, head.body.length, head.headers.etag], [200, 0, brotli.headers.etag]);
});

test("an address of the console is its page, one of the API never is", async () => {
  for (const path of [
    "/sign-in",
    "/setup",
    "/orgs/default/projects/default/settings/api-keys?page=2",
    "/any/thing",
    "/docs",
    "/docs/createApiKey",
  ]) {
    const answer = await get(path, { accept: "text/html" });
    assert.deepEqual(
      [answer.status, answer.headers["content-type"]],
      [200, "text/html; charset=utf-8"],
      path,
    );
  }
  for (const path of [
    "/v1",
    "/v2/nowhere",
    "/sei/api/nowhere",
    "/gateway/sei/api/sign-in",
    "/prod1/x",
    "/gratis",
    "/scim/v2/Users",
    "/assets/none.js",
    "/none.js",
  ]) {
    const answer = await get(path, { accept: "text/html" });
    assert.deepEqual([answer.status, answer.headers["content-type"]], [404, "application/json"], path);
  }
  assert.equal((await get("/any/thing", { accept: "application/json" })).status, 404);
  assert.equal((await get("/any/thing", { accept: "text/html" }, "POST")).status, 404);
});

test("files beside the console's are out of reach", async () => {
  for (const path of [
    "/assets/..%2f..%2fpackage.json",
    "/assets/%2e%2e/index.html.br",
    "/index.html.br",
    "/assets/../../Cargo.toml",
  ]) {
    const { status, body } = await get(path, { accept: "application/json" });
    assert.equal(status, 404, path);
    assert.ok(body.length < 500);
  }
});
