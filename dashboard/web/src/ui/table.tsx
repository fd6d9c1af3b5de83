import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { ArrowDown, ArrowUp } from "lucide-react";
import { memo, useCallback, useEffect, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode, type RefObject } from "react";
import { text } from "../text";
import { inField } from "./in-field";
import { usePhone } from "./phone";

/** A column: how its cell is made of a row, and how it is laid out. */
export type Column<Row> = {
  id: string;
  name: ReactNode;
  /** For those who hear it, where name is no text. */
  label?: string;
  cell: (row: Row) => ReactNode;
  /** Numbers stand at the right, so that their digits align. */
  align?: "right";
  /** A width as in a grid template, such as "8rem" or "minmax(10rem, 2fr)". Default "minmax(6rem, 1fr)". */
  width?: string;
  /** On phones a row is a card: "title" is its first line, "hide" is left out, others follow with their names. */
  phone?: "title" | "hide";
  /** The rows are in the order of this column. */
  sorted?: "ascending" | "descending";
  /** Has the rows in the order of this column, or the other way round. */
  onSort?: () => void;
};

type Props<Row> = {
  /** What the rows are, for those who hear it. */
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  /** Opens a row: by press, Enter, or o. href makes its link, which opens in a new tab too. */
  onOpen?: (row: Row) => void;
  selected?: ReadonlySet<string>;
  onSelect?: (keys: ReadonlySet<string>) => void;
  /** Shown below the last row, such as a button that loads more. */
  end?: ReactNode;
  /** Called with the first and the last row that are in sight, when others are. */
  onRange?: (first: number, last: number) => void;
};

const rowHeight = 37;

/** Stands in a cell that has no value. The card of a phone leaves such cells out. */
export const nothing = <span className="text-muted">{text.shared.nothing}</span>;

function isNothing(cell: ReactNode): boolean {
  return cell === nothing || cell === null || cell === undefined || cell === "" || cell === false;
}

/**
 * A table of any number of rows, of which only those in sight are in the document. The arrows, j and k move, x selects,
 * Shift extends the selection, Enter opens. On phones each row is a card.
 */
export function Table<Row>({ label, columns, rows, rowKey, onOpen, selected, onSelect, end, onRange }: Props<Row>) {
  const ref = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [active, setActive] = useState<string>();
  const anchor = useRef<number>(undefined);
  const phone = usePhone();
  useEffect(() => {
    const measure = () => setTop((ref.current?.getBoundingClientRect().top ?? 0) + window.scrollY);
    measure();
    window.addEventListener("resize", measure);
    return () => window.removeEventListener("resize", measure);
  }, []);
  // The same function for the same rows: for another one the places of all rows are worked out anew, with each frame.
  const keyAt = useCallback((i: number) => rowKey(rows[i]!), [rows, rowKey]);
  const virtual = useWindowVirtualizer({
    count: rows.length, estimateSize: () => (phone ? 92 : rowHeight), overscan: 6, scrollMargin: top,
    getItemKey: keyAt,
  });
  useEffect(() => virtual.measure(), [phone, virtual]);
  const { startIndex: first, endIndex: last } = virtual.range ?? { startIndex: 0, endIndex: -1 };
  const tell = useRef(onRange);
  useEffect(() => {
    tell.current = onRange;
  });
  useEffect(() => {
    if (last >= 0) tell.current?.(first, last);
  }, [first, last, rows.length]);

  const at = active === undefined ? -1 : rows.findIndex((r) => rowKey(r) === active);
  const go = (i: number) => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, i))];
    if (!next) return;
    setActive(rowKey(next));
    virtual.scrollToIndex(Math.max(0, Math.min(rows.length - 1, i)));
    const focus = () => {
      const row = ref.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(rowKey(next))}"]`);
      row?.focus();
      return row;
    };
    // At once where it can be, as the next key may follow at once; else when it is in the document.
    if (!focus()) requestAnimationFrame(focus);
  };
  const toggle = (i: number, extend: boolean) => {
    const row = rows[i];
    if (!onSelect || !row) return;
    const next = new Set(selected);
    const on = !next.has(rowKey(row));
    const from = extend && anchor.current !== undefined ? anchor.current : i;
    for (let j = Math.min(from, i); j <= Math.max(from, i); j++) {
      const r = rows[j];
      if (r) (extend || on) ? next.add(rowKey(r)) : next.delete(rowKey(r));
    }
    anchor.current = i;
    onSelect(next);
  };
  const press = (e: KeyboardEvent) => {
    // A menu or dialog of a cell is in another place of the document; React tells of its events all the same.
    if (e.ctrlKey || e.metaKey || e.altKey || inField(e.target) || !e.currentTarget.contains(e.target as Node)) return;
    const did = { j: () => go(at + 1), ArrowDown: () => go(at + 1), k: () => go(at < 0 ? 0 : at - 1), ArrowUp: () => go(at < 0 ? 0 : at - 1),
      Home: () => go(0), End: () => go(rows.length - 1), x: () => toggle(at, e.shiftKey), X: () => toggle(at, true),
      o: () => at >= 0 && onOpen?.(rows[at]!), Enter: () => at >= 0 && onOpen?.(rows[at]!) }[e.key];
    if (!did || (e.key === "Enter" && (e.target as HTMLElement).closest("a,button"))) return;
    e.preventDefault();
    did();
  };
  // j begins at the first row, wherever the focus is.
  useEffect(() => {
    const start = (e: globalThis.KeyboardEvent) => {
      if ((e.key !== "j" && e.key !== "k") || e.ctrlKey || e.metaKey || e.altKey || inField(e.target) || e.defaultPrevented) return;
      if (ref.current?.contains(e.target as Node) || document.querySelector("dialog[open]")) return;
      e.preventDefault();
      go(at < 0 ? 0 : at);
    };
    document.addEventListener("keydown", start);
    return () => document.removeEventListener("keydown", start);
  });

  const widths = [...(onSelect ? ["2.25rem"] : []), ...columns.map((c) => c.width ?? "minmax(6rem,1fr)")];
  const grid = widths.join(" ");
  // As wide as the columns at their narrowest, however long what stands in them is: that is cut.
  const narrowest = `calc(${widths.map((w) => /^minmax\(([^,]+),/.exec(w)?.[1] ?? w).join(" + ")})`;
  const allSelected = rows.length > 0 && rows.every((r) => selected?.has(rowKey(r)));
  const open = (row: Row, e: MouseEvent) => {
    if ((e.target as HTMLElement).closest("a,button,input,label") || !e.currentTarget.contains(e.target as Node) || getSelection()?.toString()) return;
    setActive(rowKey(row));
    onOpen?.(row);
  };
  const acts = useRef<Acts<Row>>({ open, toggle, focus: setActive });
  useEffect(() => {
    acts.current = { open, toggle, focus: setActive };
  });
  return (
    <>
      <div ref={ref} role="grid" aria-label={label} aria-rowcount={rows.length + 1} onKeyDown={press} className="min-w-0 max-sm:overflow-visible sm:overflow-x-auto">
        <div style={{ minWidth: phone ? undefined : narrowest }}>
          <div role="rowgroup" className="max-sm:sr-only">
            <div role="row" aria-rowindex={1} style={{ gridTemplateColumns: grid }} className="grid items-center border-b border-line text-xs text-muted">
              {onSelect && (
                <div role="columnheader" className="flex items-center px-3 py-2">
                  <input type="checkbox" aria-label={text.shared.all} checked={allSelected} className="size-4 accent-(--accent)"
                    onChange={() => onSelect(allSelected ? new Set() : new Set(rows.map(rowKey)))} />
                </div>
              )}
              {columns.map((c) => (
                <div key={c.id} role="columnheader" aria-label={c.label} aria-sort={c.sorted} className={`truncate px-3 py-2 font-medium ${c.align === "right" ? "text-right" : ""}`}>
                  {c.onSort ? (
                    <button type="button" onClick={c.onSort} className="-mx-1 inline-flex items-center gap-1 rounded px-1 hover:bg-hover">
                      {c.name}{c.sorted && <SortIcon sorted={c.sorted} />}
                    </button>
                  ) : c.name}
                </div>
              ))}
            </div>
          </div>
          <div role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
            {virtual.getVirtualItems().map((item) => {
              const row = rows[item.index]!;
              const key = rowKey(row);
              return (
                <Line
                  key={key} row={row} name={key} index={item.index} at={item.start - top} columns={columns} grid={grid} phone={phone} opens={!!onOpen}
                  selected={onSelect ? !!selected?.has(key) : undefined} tab={key === active || (at < 0 && item.index === 0)} measure={virtual.measureElement} acts={acts}
                />
              );
            })}
          </div>
        </div>
      </div>
      {/* Beside the rows: a grid has nothing else. */}
      {end && <div className="p-3 text-center">{end}</div>}
    </>
  );
}

/** What a row does, as of the table's latest rendering. */
type Acts<Row> = { open: (row: Row, e: MouseEvent) => void; toggle: (i: number, extend: boolean) => void; focus: (key: string) => void };

type LineProps<Row> = {
  row: Row;
  name: string;
  index: number;
  /** Pixels from the first row's top. */
  at: number;
  columns: Column<Row>[];
  grid: string;
  phone: boolean;
  opens: boolean;
  selected: boolean | undefined;
  /** The row is reached by Tab. */
  tab: boolean;
  measure: (element: HTMLElement | null) => void;
  acts: RefObject<Acts<Row>>;
};

function LineOnce<Row>({ row, name, index, at, columns, grid, phone, opens, selected, tab, measure, acts }: LineProps<Row>) {
  return (
    <div
      role="row" aria-rowindex={index + 2} aria-selected={selected} data-key={name} data-index={index}
      ref={measure} tabIndex={tab ? 0 : -1} onFocus={() => acts.current.focus(name)} onClick={(e) => acts.current.open(row, e)}
      style={{ gridTemplateColumns: phone ? undefined : grid, transform: `translateY(${at}px)` }}
      className={`absolute inset-x-0 top-0 border-b border-line text-sm hover:bg-hover focus-visible:-outline-offset-2 aria-selected:bg-accent-soft
        ${opens ? "cursor-pointer" : ""} ${phone ? "flex flex-col gap-1 px-4 py-3" : "grid items-center"}`}
    >
      {selected !== undefined && (
        <div role="gridcell" className={phone ? "absolute top-3 right-4" : "flex items-center px-3"}>
          <input type="checkbox" tabIndex={-1} aria-label={name} checked={selected} className="size-4 accent-(--accent)"
            onChange={() => {}} onClick={(e) => acts.current.toggle(index, e.shiftKey)} />
        </div>
      )}
      {columns.map((c) => {
        const cell = phone && c.phone === "hide" ? null : c.cell(row);
        if (!phone) return <div key={c.id} role="gridcell" className={`min-w-0 truncate px-3 py-2 ${c.align === "right" ? "text-right tabular" : ""}`}>{cell}</div>;
        return isNothing(cell) ? null : (
          <div key={c.id} role="gridcell" className={c.phone === "title" ? "order-first min-w-0 truncate pr-8 font-medium" : "flex min-w-0 items-baseline justify-between gap-4"}>
            {c.phone !== "title" && <span className="shrink-0 text-xs text-muted">{c.name}</span>}
            <span className="block min-w-0 truncate">{cell}</span>
          </div>
        );
      })}
    </div>
  );
}

// While the table is scrolled, only rows that come into sight are made: all of them, with each frame, took most of its time.
const Line = memo(LineOnce) as typeof LineOnce;

function SortIcon({ sorted }: { sorted: "ascending" | "descending" }) {
  return sorted === "ascending" ? <ArrowUp size={12} aria-hidden /> : <ArrowDown size={12} aria-hidden />;
}
