/** A line of a text or of the other one, or of both. */
export type DiffLine = { kind: "same" | "removed" | "added"; text: string };

// Beyond so many pairs of lines it is not looked for what moved: the texts are shown as removed and added.
const most = 4_000_000;

/** The lines of two texts, those that both have in common once. */
export function lineDiff(before: string, after: string): DiffLine[] {
  const a = before.split("\n");
  const b = after.split("\n");
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const same = (lines: string[]): DiffLine[] => lines.map((text) => ({ kind: "same", text }));
  return [
    ...same(a.slice(0, start)),
    ...between(a.slice(start, a.length - end), b.slice(start, b.length - end)),
    ...same(a.slice(a.length - end)),
  ];
}

function between(a: string[], b: string[]): DiffLine[] {
  const out: DiffLine[] = [];
  const removed = (from: number, to: number) => a.slice(from, to).forEach((text) => out.push({ kind: "removed", text }));
  const added = (from: number, to: number) => b.slice(from, to).forEach((text) => out.push({ kind: "added", text }));
  if (a.length * b.length > most || a.length === 0 || b.length === 0) {
    removed(0, a.length);
    added(0, b.length);
    return out;
  }
  // The longest common subsequence: lengths[i][j] is that of what follows i in a and j in b.
  const width = b.length + 1;
  const lengths = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1]! + 1
        : Math.max(lengths[(i + 1) * width + j]!, lengths[i * width + j + 1]!);
    }
  }
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      out.push({ kind: "same", text: a[i]! });
      i++;
      j++;
    } else if (lengths[(i + 1) * width + j]! >= lengths[i * width + j + 1]!) {
      removed(i, ++i);
    } else {
      added(j, ++j);
    }
  }
  removed(i, a.length);
  added(j, b.length);
  return out;
}

/** Leaves out what is the same beyond so many lines around what is not. undefined stands for what is left out. */
export function nearChanges(lines: DiffLine[], around = 3): (DiffLine | undefined)[] {
  const near = new Array<boolean>(lines.length).fill(false);
  lines.forEach((l, i) => l.kind !== "same" && near.fill(true, Math.max(0, i - around), i + around + 1));
  const out: (DiffLine | undefined)[] = [];
  lines.forEach((l, i) => {
    if (near[i]) out.push(l);
    else if (i === 0 || near[i - 1]) out.push(undefined);
  });
  return out;
}
