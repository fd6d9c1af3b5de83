import { Link } from "@tanstack/react-router";
import { useCallback, useMemo, useSyncExternalStore } from "react";
import { isObject, writeJson, type Json } from "../../api/json";
import { duration } from "../../format/duration";
import { one, many, type Search } from "../../search";
import { text } from "../../text";
import { Badge, StatusBadge } from "../../ui/status";
import type { Column } from "../../ui/table";
import { Time } from "../../ui/time";
import { Tooltip } from "../../ui/tooltip";
import { Who } from "../../ui/who";
import type { Order, Row } from "./list";

const t = text.messages;

const usual = ["status", "type", "queue", "payload", "attempt", "took", "created"];
const stored = "symphony.messages.columns";

type Kind = Omit<Column<Row>, "id">;

const kinds: Record<string, Kind> = {
  status: { name: t.column.status, width: "8.5rem", cell: (r) => <StatusCell row={r} /> },
  type: {
    name: t.column.type, width: "minmax(9rem,1.4fr)", phone: "title",
    cell: (r) => <Link to="/messages/$id" params={{ id: r.id }} search={{ transport: r.transport }} className="font-medium hover:underline foreign">{r.message.type}</Link>,
  },
  queue: { name: t.column.queue, width: "minmax(6rem,0.8fr)", cell: (r) => <span className="foreign">{r.queue}</span> },
  transport: { name: t.column.transport, width: "minmax(6rem,0.6fr)", cell: (r) => <span className="foreign">{r.transport}</span> },
  payload: { name: t.column.payload, width: "minmax(9rem,2fr)", phone: "hide", cell: (r) => <Preview value={r.message.payload as Json} omitted={r.omitted?.payload !== undefined} /> },
  priority: { name: t.column.priority, width: "5.5rem", align: "right", phone: "hide", cell: (r) => r.priority },
  attempt: { name: t.column.attempt, width: "6rem", align: "right", phone: "hide", cell: (r) => r.attempt },
  took: { name: t.column.took, width: "6rem", align: "right", phone: "hide", cell: (r) => took(r) },
  created: { name: t.column.created, width: "8rem", align: "right", cell: (r) => <Time at={r.createdAt} /> },
  due: { name: t.column.due, width: "8rem", align: "right", phone: "hide", cell: (r) => <Time at={r.status === "pending" ? r.availableAt : r.scheduledAt} ahead /> },
  finished: { name: t.column.finished, width: "8rem", align: "right", phone: "hide", cell: (r) => <Time at={r.finishedAt} /> },
  tags: { name: t.column.tags, width: "minmax(7rem,0.8fr)", phone: "hide", cell: (r) => <span className="flex gap-1" title={r.tags?.join(", ")}>{r.tags?.map((tag) => <Badge key={tag}><span className="max-w-24 truncate foreign">{tag}</span></Badge>)}</span> },
  id: { name: t.column.id, width: "20rem", phone: "hide", cell: (r) => <span className="font-mono text-xs">{r.id}</span> },
  worker: { name: t.column.worker, width: "minmax(8rem,1fr)", phone: "hide", cell: (r) => <span className="foreign">{r.worker ?? ""}</span> },
  error: { name: t.column.error, width: "minmax(9rem,2fr)", cell: (r) => <span className="text-danger foreign">{r.error?.slice(0, 500) ?? ""}</span> },
  errorClass: { name: t.column.errorClass, width: "minmax(7rem,0.8fr)", phone: "hide", cell: (r) => <span className="foreign">{r.errorClass ?? ""}</span> },
  correlation: { name: t.column.correlation, width: "20rem", phone: "hide", cell: (r) => <span className="font-mono text-xs foreign">{r.correlationId}</span> },
  idempotencyKey: { name: t.column.idempotencyKey, width: "minmax(8rem,1fr)", phone: "hide", cell: (r) => <span className="foreign">{r.idempotencyKey ?? ""}</span> },
  group: { name: t.column.group, width: "minmax(7rem,0.8fr)", phone: "hide", cell: (r) => <span className="foreign">{r.groupKey ?? ""}</span> },
  by: { name: t.column.by, width: "minmax(8rem,1fr)", phone: "hide", cell: (r) => r.dispatchedBy && <Who id={r.dispatchedBy} /> },
};

/** The columns that every message has; those of metadata are named by their paths. */
export const columnIds = Object.keys(kinds);

function StatusCell({ row }: { row: Row }) {
  if (row.gone) return <Tooltip text={t.goneWhy}><span className="text-muted line-through">{text.shared.status[row.status]}</span></Tooltip>;
  return (
    <span className="flex items-center gap-1.5">
      <StatusBadge status={row.status} />
      {row.status === "processing" && row.cancel && <Badge tone="warn">{t.cancelling}</Badge>}
    </span>
  );
}

function Preview({ value, omitted }: { value: Json; omitted: boolean }) {
  if (omitted) return <span className="text-muted">…</span>;
  if (isObject(value) && value.redacted === true && Object.keys(value).length === 1) {
    return <Tooltip text={text.shared.maskedWhy}><span className="text-muted italic">{text.shared.masked}</span></Tooltip>;
  }
  return <span className="font-mono text-xs text-muted foreign">{preview(value)}</span>;
}

/** The beginning of a value as JSON, made of no more than it shows. */
function preview(value: Json): string {
  if (isObject(value)) {
    const parts: string[] = [];
    let length = 0;
    for (const [name, v] of Object.entries(value)) {
      const part = `${name}: ${typeof v === "string" ? JSON.stringify(v.slice(0, 100)) : typeof v === "object" && v !== null && !("isLosslessNumber" in v) ? (Array.isArray(v) ? `[${v.length}]` : "{…}") : writeJson(v)}`;
      parts.push(part);
      if ((length += part.length) > 200) break;
    }
    return parts.join(", ");
  }
  return writeJson(value).slice(0, 200);
}

function took(r: Row) {
  if (r.status === "completed" && r.startedAt && r.finishedAt) return duration(Math.max(0, Date.parse(r.finishedAt) - Date.parse(r.startedAt)));
  return "";
}

function metadataAt(r: Row, path: string) {
  let v: unknown = r.message.metadata;
  for (const name of path.split(".")) {
    if (!isObject(v)) return "";
    v = v[name];
  }
  return v === undefined ? "" : typeof v === "string" ? v.slice(0, 500) : writeJson(v).slice(0, 500);
}

/** Which columns are shown: those of the address, else those chosen last in this browser, else the usual ones. */
export function useColumns(search: Search, order: Order, onOrder: (o: Order) => void) {
  const kept = useSyncExternalStore(subscribe, read);
  const asked = many(search.columns);
  const ids = asked.length > 0 ? asked : kept ? kept.split("\n") : usual;
  const unknown = ids.filter((id) => !kinds[id] && !id.startsWith("metadata."));
  const written = ids.join("\n");
  const columns = useMemo(() => written.split("\n").flatMap((id): Column<Row>[] => {
    const kind = kinds[id];
    if (kind) {
      if (id !== "created") return [{ id, ...kind }];
      return [{ id, ...kind, sorted: order === "createdAt" ? "ascending" : "descending", onSort: () => onOrder(order === "createdAt" ? "-createdAt" : "createdAt") }];
    }
    if (!id.startsWith("metadata.")) return [];
    return [{ id, name: id.slice("metadata.".length), width: "minmax(7rem,0.8fr)", phone: "hide", cell: (r: Row) => <span className="foreign">{metadataAt(r, id.slice("metadata.".length))}</span> }];
  }), [written, order, onOrder]);
  const choose = useCallback((next: string[] | undefined) => keep(next), []);
  return { ids, columns: columns.length > 0 ? columns : usual.map((id) => ({ id, ...kinds[id]! })), unknown, choose };
}

const watchers = new Set<() => void>();
let value: string | null | undefined;

function read(): string | null {
  if (value === undefined) {
    try {
      value = localStorage.getItem(stored);
    } catch {
      value = null;
    }
  }
  return value;
}

function subscribe(w: () => void) {
  watchers.add(w);
  return () => void watchers.delete(w);
}

function keep(ids: string[] | undefined) {
  value = ids?.join("\n") ?? null;
  try {
    if (value === null) localStorage.removeItem(stored);
    else localStorage.setItem(stored, value);
  } catch {
    // It lasts as long as the page.
  }
  for (const w of watchers) w();
}

/** The order that an address asks for; wrong is what it says where that is none. */
export function orderOf(search: Search): { order: Order; wrong?: string } {
  const asked = one(search.sort);
  if (asked === undefined || asked === "-createdAt" || asked === "createdAt") return { order: asked ?? "-createdAt" };
  return { order: "-createdAt", wrong: asked };
}
