import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { findMessages } from "../../api/find";
import type { Json } from "../../api/json";
import { count } from "../../format/number";
import { pathsOf, versions, type Shape } from "../../format/shapes";
import { text } from "../../text";
import { Section } from "../../ui/page";
import type { Letter } from "./calls";
import { hidden } from "./samples";

const t = text.failed.group;
const mostShapes = 4;
const mostRows = 60;

/** Which shapes the payloads have, and in which members those differ from each other and from completed messages. */
export function Shapes({ type, transport, letters }: { type: string; transport: string; letters: Letter[] }) {
  const completed = useQuery({
    queryKey: ["failed", "completed", transport, type], staleTime: 60_000, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => findMessages({ transport, type, status: ["completed"], limit: 50 }, signal),
  });
  const shown = letters.filter((l) => !l.unreadable && !l.omitted && !hidden(l.message.payload));
  const failed = useMemo(() => versions(shown.map((l) => l.message.payload as Json)), [shown]);
  const done = useMemo(
    () => versions((completed.data?.messages ?? []).filter((m) => !m.unreadable && !m.omitted && !hidden(m.message.payload)).map((m) => m.message.payload as Json)),
    [completed.data],
  );
  if (shown.length === 0) return letters.some((l) => hidden(l.message.payload)) ? <Section title={t.shapes}><p className="p-4 text-sm text-muted">{t.masked}</p></Section> : null;
  const together = done.length > 0 ? merged(done.map((d) => d.shape)) : undefined;
  const columns = failed.slice(0, mostShapes);
  // What all that failed have otherwise than those that were completed comes first.
  const telling = (path: string) => !!together && columns.every((v) => v.shape.get(path) !== together.get(path));
  const rows = pathsOf([...columns.map((v) => v.shape), ...(together ? [together] : [])])
    .sort((a, b) => Number(telling(b.path)) - Number(telling(a.path))).slice(0, mostRows);
  const doneCount = done.reduce((n, v) => n + v.count, 0);
  return (
    <Section title={t.shapes}>
      <p className="px-4 pt-3 text-sm text-muted">
        {failed.length === 1 && !together ? t.oneShape(shown.length) : t.shapesLead(shown.length)} {together && t.completedLead(doneCount)}
      </p>
      <div role="region" aria-label={t.shapes} tabIndex={0} className="overflow-x-auto p-2">
        <table className="w-full text-sm">
          <thead>
            <tr className="text-left text-xs text-muted">
              <th scope="col" className="px-2 py-1 font-medium">{t.path}</th>
              {columns.map((v, i) => <th key={i} scope="col" className="px-2 py-1 font-medium whitespace-nowrap">{t.shape(String.fromCharCode(65 + i))} <span className="tabular">({count(v.count)})</span></th>)}
              {together && <th scope="col" className="px-2 py-1 font-medium whitespace-nowrap">{t.completed} <span className="tabular">({count(doneCount)})</span></th>}
            </tr>
          </thead>
          <tbody>
            {rows.map((r) => (
              <tr key={r.path} className={`border-t border-line ${r.differs ? "font-semibold" : ""}`}>
                <th scope="row" className={`min-w-32 px-2 py-1 text-left font-mono text-xs foreign ${r.differs ? "font-semibold" : "font-normal"}`}>{r.path === "" ? t.whole : r.path.length > 200 ? r.path.slice(0, 200) + "…" : r.path}</th>
                {columns.map((v, i) => <Kind key={i} kind={v.shape.get(r.path)} missing={!!together?.has(r.path) && telling(r.path)} />)}
                {together && <Kind kind={together.get(r.path)} />}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {failed.length > mostShapes && <p className="px-4 pb-3 text-xs text-muted">{t.moreShapes(failed.length - mostShapes)}</p>}
    </Section>
  );
}

function Kind({ kind, missing }: { kind: string | undefined; missing?: boolean }) {
  return <td className={`px-2 py-1 whitespace-nowrap ${missing ? "text-danger" : kind === undefined ? "text-muted" : ""}`}>{kind ?? t.absent}</td>;
}

/** Several shapes as one: a member that not all have is there at times. */
function merged(shapes: Shape[]): Shape {
  const out: Shape = new Map();
  for (const { path } of pathsOf(shapes)) {
    const kinds = new Set(shapes.flatMap((s) => s.get(path)?.split(" or ") ?? []));
    const all = [...kinds].sort().join(" or ");
    out.set(path, shapes.every((s) => s.has(path)) ? all : t.sometimes(all));
  }
  return out;
}
