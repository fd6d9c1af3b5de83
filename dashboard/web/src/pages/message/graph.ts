/** A message of a story, as far as the graph needs it. */
export type Told = { id: string; causationId?: string; status: string; transport: string; type: string; createdAt: string };

/** A box of the graph: one message, or several of one type that the same message has caused. Places count from 0. */
export type Box = { key: string; messages: Told[]; column: number; row: number; parent?: string };

// So many consequences of one type stand for themselves; more are one box.
const alone = 3;

/**
 * Lays the messages of a story out by who has caused whom: causes at the left, each consequence a column further right,
 * below each other in the order of their dispatch. Those of which the cause is not known begin at the left.
 * focus is never hidden in a box of several, and neither are messages that have caused others.
 */
export function layout(story: Told[], focus: string): Box[] {
  const known = new Map(story.map((m) => [m.id, m]));
  const caused = new Map<string | undefined, Told[]>();
  for (const m of story) {
    const cause = m.causationId !== undefined && m.causationId !== m.id && known.has(m.causationId) ? m.causationId : undefined;
    caused.set(cause, [...(caused.get(cause) ?? []), m]);
  }
  const boxes: Box[] = [];
  const placed = new Set<string>();
  let row = 0;
  const place = (cause: string | undefined, column: number) => {
    const list = caused.get(cause) ?? [];
    const several = new Map<string, Told[]>();
    for (const m of list) if (m.id !== focus && !caused.has(m.id)) several.set(m.type, [...(several.get(m.type) ?? []), m]);
    for (const m of list) {
      if (placed.has(m.id)) continue;
      const group = m.id !== focus && !caused.has(m.id) ? several.get(m.type) ?? [] : [];
      const messages = group.length > alone ? group : [m];
      messages.forEach((g) => placed.add(g.id));
      const first = row;
      boxes.push({ key: m.id, messages, column, row: first, parent: cause });
      if (messages.length === 1 && caused.has(m.id)) place(m.id, column + 1);
      row = Math.max(row, first + 1);
    }
  };
  place(undefined, 0);
  // Messages that are said to have caused each other in a circle have no beginning.
  for (const m of story) {
    if (placed.has(m.id)) continue;
    placed.add(m.id);
    boxes.push({ key: m.id, messages: [m], column: 0, row: row++ });
  }
  return boxes;
}
