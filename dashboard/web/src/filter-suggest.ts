import { filterStatuses, filterWords, qualifierOf, qualifiers, quote, type Qualifier } from "./filter";
import { text } from "./text";

const t = text.filter;

/** What is offered while somebody types: what to put in place of the text from `from` to `to`. */
export type Suggestion = {
  /** What it stands for, such as type:mail.send. */
  label: string; note?: string; insert: string; from: number; to: number;
  /** More must follow, such as the value of a name. */
  open?: boolean;
};

/** Values that are known, by qualifier; of metadata by path, as metadata.customer.id. */
export type KnownValues = Record<string, readonly string[] | undefined>;

const most = 12;

/** What can stand where the caret is, best first. */
export function suggest(input: string, caret: number, known: KnownValues, without: readonly Qualifier[] = [], about: Record<string, string> = t.about): Suggestion[] {
  const { words, textFrom } = filterWords(input);
  if (textFrom !== undefined && caret >= textFrom - 2) return [];
  const word = words.find((w) => w.from < caret && caret <= w.to);
  if (!word || word.name === undefined) return names(word ? input.slice(word.from, caret) : "", word?.from ?? caret, word?.to ?? caret, known, without, about);
  if (caret < word.valueFrom) return [];
  const member = qualifierOf(word.name);
  if (!member || without.includes(member)) return [];
  return values(word.name, member, word.value, word.valueFrom, word.to, known);
}

/** Offers names that begin like a word, and values that have it in them. */
function names(word: string, from: number, to: number, known: KnownValues, without: readonly Qualifier[], about: Record<string, string>): Suggestion[] {
  const lower = word.toLowerCase();
  const out: Suggestion[] = [];
  for (const q of qualifiers) {
    if (without.includes(q) || !q.toLowerCase().startsWith(lower)) continue;
    const insert = q === "metadata" ? "metadata." : `${q}:`;
    out.push({ label: insert, note: about[q] ?? t.about[q], insert, from, to, open: true });
  }
  if (lower.startsWith("metadata.") || (lower !== "" && "metadata".startsWith(lower))) {
    for (const path of Object.keys(known)) {
      if (!path.startsWith("metadata.") || !path.toLowerCase().startsWith(lower)) continue;
      const insert = `metadata.${quote(path.slice(9), /[\s":]/)}:`;
      out.push({ label: insert, insert, from, to, open: true });
    }
  }
  if (lower !== "") {
    for (const q of ["status", "type", "queue", "tag"] as const) {
      if (without.includes(q)) continue;
      for (const v of matching(q === "status" ? filterStatuses : known[q] ?? [], lower).slice(0, 4)) {
        out.push({ label: `${q}:${v}`, insert: `${q}:${quote(v)}`, from, to });
      }
    }
  }
  return lower === "" ? out : out.slice(0, most);
}

function values(name: string, member: Qualifier, value: string, from: number, to: number, known: KnownValues): Suggestion[] {
  if (/since|until/i.test(member)) {
    return t.times.filter(([v]) => v.startsWith(value)).map(([v, note]) => ({ label: `${name}:${v}`, note, insert: v, from, to }));
  }
  // Of several with commas the last one is being typed.
  const several = member === "status" || member === "tag";
  const before = several ? value.slice(0, value.lastIndexOf(",") + 1) : "";
  const typed = value.slice(before.length).toLowerCase();
  const all = member === "status" ? filterStatuses
    : member === "priority" ? ["10", "9", "8", "7", "6", "5", "4", "3", "2", "1"]
    : known[member === "metadata" ? name : member] ?? [];
  const taken = before.split(",");
  return matching(all, typed).filter((v) => !taken.includes(v)).slice(0, most)
    .map((v) => ({ label: `${name}:${before}${v}`, insert: quote(before + v), from, to }));
}

/** Those that begin with a text first, then those that have it anywhere. */
function matching(all: readonly string[], lower: string): string[] {
  const begins: string[] = [];
  const has: string[] = [];
  for (const v of all) {
    const at = v.toLowerCase().indexOf(lower);
    if (at === 0) begins.push(v);
    else if (at > 0) has.push(v);
  }
  return [...begins, ...has];
}

/** Puts a suggestion into a text: the new text, and where the caret stands then. */
export function choose(input: string, s: Suggestion): { text: string; caret: number } {
  const rest = input.slice(s.to);
  const insert = s.insert + (s.open || /^\s/.test(rest) ? "" : " ");
  const caret = s.from + insert.length + (!s.open && /^\s/.test(rest) ? 1 : 0);
  return { text: input.slice(0, s.from) + insert + rest, caret };
}

/** Types as they are offered: those that several begin like, by their parts, come as patterns. */
export function withPatterns(types: readonly string[]): string[] {
  const sharing = new Map<string, number>();
  for (const type of types) {
    for (let dot = type.indexOf("."); dot > 0 && dot < type.length - 1; dot = type.indexOf(".", dot + 1)) {
      const pattern = type.slice(0, dot + 1) + "*";
      sharing.set(pattern, (sharing.get(pattern) ?? 0) + 1);
    }
  }
  const patterns = [...sharing].filter(([, n]) => n > 1).map(([p]) => p);
  return [...new Set([...types, ...patterns])].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

type Seen = { message: { type: string; metadata?: unknown }; tags?: string[]; errorClass?: string; worker?: string };

/** What messages that are shown can be found by: their tags, classes of errors, workers, and what their metadata has. */
export function seenIn(messages: readonly Seen[]): KnownValues {
  const seen = new Map<string, Set<string>>();
  const add = (name: string, v: string) => {
    const set = seen.get(name) ?? new Set();
    // A thousand ids help nobody to choose.
    if (set.size < 100 && v.length <= 200) seen.set(name, set.add(v));
  };
  for (const m of messages.slice(0, 1000)) {
    m.tags?.forEach((tag) => add("tag", tag));
    if (m.errorClass) add("errorClass", m.errorClass);
    if (m.worker) add("worker", m.worker);
    if (typeof m.message.metadata === "object" && m.message.metadata !== null) paths(m.message.metadata, "metadata", 0, add);
  }
  return Object.fromEntries([...seen].map(([name, set]) => [name, [...set].sort()]));
}

function paths(value: object, path: string, depth: number, add: (name: string, v: string) => void) {
  for (const [name, v] of Object.entries(value).slice(0, 50)) {
    // A name with a dot in it cannot be told from a path.
    if (name === "" || name.includes(".") || name.length > 100) continue;
    const at = `${path}.${name}`;
    if (typeof v === "string" && v !== "" || typeof v === "number" || typeof v === "boolean") add(at, String(v));
    else if (typeof v === "object" && v !== null && "isLosslessNumber" in v) add(at, String(v));
    else if (typeof v === "object" && v !== null && !Array.isArray(v) && depth < 4) paths(v, at, depth + 1, add);
  }
}
