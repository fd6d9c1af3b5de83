import type { ReactNode } from "react";
import { usePhone } from "../../ui/phone";

type Column<Row> = { name: string; cell: (row: Row) => ReactNode; right?: boolean; title?: boolean };

/** A small table of few rows, which are all there; on phones each is a card. For many rows, and for rows that open, there is Table. */
export function Rows<Row>({ label, columns, rows, rowKey }: { label: string; columns: Column<Row>[]; rows: Row[]; rowKey: (r: Row) => string }) {
  const phone = usePhone();
  if (phone) {
    return (
      <ul aria-label={label}>
        {rows.map((r) => (
          <li key={rowKey(r)} className="flex flex-col gap-1 border-t border-line px-4 py-3">
            {columns.map((c) => c.title ? <div key={c.name} className="min-w-0 font-medium">{c.cell(r)}</div> : (
              <div key={c.name} className="flex min-w-0 justify-between gap-4"><span className="shrink-0 text-xs text-muted">{c.name}</span><span className="min-w-0 text-right">{c.cell(r)}</span></div>
            ))}
          </li>
        ))}
      </ul>
    );
  }
  return (
    <div className="overflow-x-auto" tabIndex={0} role="region" aria-label={label}>
      <table className="w-full text-sm" aria-label={label}>
        <thead className="text-left text-xs text-muted">
          <tr>{columns.map((c) => <th key={c.name} scope="col" className={`px-4 py-2 font-medium whitespace-nowrap ${c.right ? "text-right" : ""}`}>{c.name}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={rowKey(r)} className="border-t border-line">
              {columns.map((c) => <td key={c.name} className={`px-4 py-2 ${c.right ? "text-right tabular" : ""}`}>{c.cell(r)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
