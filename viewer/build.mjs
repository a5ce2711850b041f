// Bundles src/ into aicsio/viewer/page. A test compares the digest in the bundle with the source.

import { createHash } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { build } from "esbuild";

const target = new URL("../aicsio/viewer/page/", import.meta.url).pathname;
const digest = createHash("sha256");
for (const name of readdirSync("src").sort()) {
  if (name.endsWith(".ts")) digest.update(readFileSync(`src/${name}`));
}
await build({
  entryPoints: ["src/main.ts"],
  outfile: `${target}viewer.js`,
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  banner: { js: `// aicsio view, BSD-3-Clause. Made from viewer/src, sha256 ${digest.digest("hex")}` },
});
for (const name of ["index.html", "viewer.css", "LICENSES.txt"]) copyFileSync(`src/${name}`, `${target}${name}`);
