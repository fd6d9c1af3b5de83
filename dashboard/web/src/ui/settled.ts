import { useState } from "react";

/**
 * Rows that do not move under the pointer: those that are shown stay in their order and are brought up to date where
 * they are, those that are gone leave, and new ones before the last one shown wait until show is called. What is below
 * follows by itself. about names what is asked for: where it changes, everything is shown at once.
 */
export function useSettled<Row>(rows: Row[], keyOf: (row: Row) => string, about: string): { rows: Row[]; fresh: number; show: () => void } {
  const [kept, setKept] = useState<{ about: string; order: string[] }>({ about, order: [] });
  const order = kept.about === about ? kept.order : [];
  const { shown, fresh } = settle(rows, keyOf, order);
  const next = shown.map(keyOf);
  if (kept.about !== about || next.length !== order.length || next.some((k, i) => k !== order[i])) setKept({ about, order: next });
  return { rows: shown, fresh, show: () => setKept({ about, order: rows.map(keyOf) }) };
}

/** See useSettled: order has the keys of what is shown. */
export function settle<Row>(rows: Row[], keyOf: (row: Row) => string, order: string[]): { shown: Row[]; fresh: number } {
  const now = new Map(rows.map((r) => [keyOf(r), r]));
  const shown = order.flatMap((k) => now.get(k) ?? []);
  if (shown.length === 0) return { shown: rows, fresh: 0 };
  const known = new Set(order);
  const last = rows.findLastIndex((r) => known.has(keyOf(r)));
  const behind = rows.slice(last + 1);
  return { shown: [...shown, ...behind], fresh: rows.length - shown.length - behind.length };
}
