/// <reference types="node" />
// The build that is committed: fixed names, nothing inline, the notices of what it holds, and the hash of its sources.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { defineConfig, type Plugin } from "vite";

const HERE = import.meta.dirname;
const SOURCES = [".npmrc", "index.html", "package-lock.json", "package.json", "src", "tsconfig.json", "vite.config.ts"];

/** Hash of the sources, by name; tests/contract/test_page.py computes the same without Node.js. */
function sourceHash(): string {
  const files = SOURCES.flatMap((name) =>
    name === "src"
      ? readdirSync(join(HERE, name), { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(HERE.length + 1))
      : [name],
  ).sort();
  const hash = createHash("sha256");
  for (const file of files) {
    hash.update(`${file}\0`).update(readFileSync(join(HERE, file))).update("\0");
  }
  return hash.digest("hex");
}

/** The licences of the packages whose code is in the build. */
function notices(modules: string[]): string {
  const packages = new Set<string>();
  for (const id of modules) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id);
    if (found) packages.add(found[1]!);
    if (id.includes("rolldown/runtime")) packages.add("rolldown");
  }
  return [...packages]
    .sort()
    .map((name) => {
      const folder = join(HERE, "node_modules", name);
      const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
      return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`;
    })
    .join(`\n${"-".repeat(80)}\n\n`);
}

function papers(): Plugin {
  return {
    name: "papers",
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === "chunk" ? file.moduleIds : []));
      this.emitFile({ type: "asset", fileName: "licenses.txt", source: notices(modules) });
      this.emitFile({ type: "asset", fileName: "source.sha256", source: `${sourceHash()}\n` });
    },
  };
}

export default defineConfig({
  // The plugin puts the real address here when it serves the page, at any depth and under any prefix.
  base: "/__BASE__/",
  publicDir: false,
  plugins: [papers()],
  build: {
    outDir: process.env.DRS_PAGE_OUT ?? resolve(HERE, "../plugins/drs_provider/web/static"),
    emptyOutDir: true,
    target: ["chrome111", "firefox115", "safari16.4"],
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    rolldownOptions: {
      output: { entryFileNames: "app-[hash].js", chunkFileNames: "[name]-[hash].js", assetFileNames: "app-[hash][extname]" },
    },
  },
});
