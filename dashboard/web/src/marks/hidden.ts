// Characters that are not seen and change what is read: those of control, such as an escape of ANSI, those that turn a text
// round, and those without a width. Line ends and tabs are none. The two that join letters are, but after a letter of a script
// that is joined by them, and in an emoji; what an emoji of a flag is made of is none behind one.
const hidden =
  /[\0-\x08\v\f\x0E-\x1F\x7F-\x9F\xAD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180E\u200B\u200E\u200F\u2028-\u202E\u2060-\u206F\u3164\uFEFF\uFFA0\uFFF9-\uFFFB]|(?<![\p{Lo}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}])[\u200C\u200D]|(?<![\p{Extended_Pictographic}\u{E0020}-\u{E007E}])[\u{E0001}\u{E0020}-\u{E007F}]/u;
const hiddenRuns = new RegExp(`(?:${hidden.source})+`, "gu");

/** The same for an editor, which marks each by itself. */
export const hiddenCharacters = new RegExp(hidden.source, "gu");

/** A text as it is, or in parts, where it has what is not seen: each odd one is a run of that. */
export function partsOf(text: string): string | string[] {
  if (!hidden.test(text)) return text;
  const parts: string[] = [];
  let from = 0;
  for (const { 0: run, index } of text.matchAll(hiddenRuns)) {
    parts.push(text.slice(from, index), run);
    from = index + run.length;
    if (parts.length >= 2 * most) break;
  }
  return [...parts, text.slice(from)];
}

// Runs of one text that are marked: a text that is made of them would hold the page up.
const most = 1000;
// Of a run, the characters that are named.
const named = 4;

/** What is read in place of a run, such as "U+202E U+200B". */
export function nameOf(run: string): string {
  const all = [...run];
  const name = (c: string) => "U+" + c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  return all.length <= named ? all.map(name).join(" ") : `${all.slice(0, named).map(name).join(" ")} +${all.length - named}`;
}
