import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const folder = join(import.meta.dirname, "..");

// A cache that is asked by one key for two things gives the one where the other is expected.
test("one key of the cache stands for one question", () => {
  const asked = new Map<string, Set<string>>();
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((f) => /\.tsx?$/.test(f) && !f.includes(".test."))) {
    for (const [, key, path] of readFileSync(join(folder, file), "utf8").matchAll(/queryKey: (\[[^\]]*\])(?:(?!queryKey)[^]){0,400}?GET\("([^"]+)"/g)) {
      asked.set(key!, (asked.get(key!) ?? new Set()).add(path!));
    }
  }
  expect(asked.size).toBeGreaterThan(20);
  expect([...asked].filter(([, paths]) => paths.size > 1)).toEqual([]);
});
