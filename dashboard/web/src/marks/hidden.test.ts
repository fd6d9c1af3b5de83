import { expect, test } from "vitest";
import { nameOf, partsOf } from "./hidden";

test("what is not seen is told apart from the text", () => {
  expect(partsOf("invoice-\u202Egnp.exe")).toEqual(["invoice-", "\u202E", "gnp.exe"]);
  expect(partsOf("\u001b[31mred\u001b[0m\u0007")).toEqual(["", "\u001b", "[31mred", "\u001b", "[0m", "\u0007", ""]);
  expect(partsOf("a\u200Bb\u200D\uFEFFc\u{E0061}")).toEqual(["a", "\u200B", "b", "\u200D\uFEFF", "c", "\u{E0061}", ""]);
});

test("what is a part of letters, emoji and lines stays", () => {
  for (const text of ["", "two\r\n\tlines", "👩‍🚀 👍🏽 ❤️‍🔥 🏳️‍🌈", "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}", "می‌خواهم", "क्‍ष", "e\u0301", "أبجد"]) {
    expect(partsOf(text)).toBe(text);
  }
});

test("a run has a name, however long it is", () => {
  expect(nameOf("\u202E\u200B")).toBe("U+202E U+200B");
  expect(nameOf("\u{E0061}")).toBe("U+E0061");
  expect(nameOf("\u200B".repeat(10_000))).toBe("U+200B U+200B U+200B U+200B +9996");
});

test("a text that is made of them is marked as far as somebody reads", () => {
  const text = "a\u200B".repeat(50_000);
  const parts = partsOf(text) as string[];
  expect(parts).toHaveLength(2001);
  expect(parts.join("")).toBe(text);
});
