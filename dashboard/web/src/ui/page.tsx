import { useEffect, type ReactNode } from "react";
import { text } from "../text";

/** A page: its title, also the window's, what can be done on it, and its content. */
export function Page({ title, heading, lead, actions, children }: {
  /** As text, for the window's title. */
  title: string;
  /** In place of the title, where it is more than text. */
  heading?: ReactNode; lead?: ReactNode; actions?: ReactNode; children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · ${text.frame.product}`;
  }, [title]);
  return (
    <div className="flex min-w-0 flex-col gap-4 p-4 sm:p-6">
      <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
        <div className="min-w-0">
          <h1 className="text-xl font-semibold foreign">{heading ?? title}</h1>
          {lead && <div className="text-sm text-muted">{lead}</div>}
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {children}
    </div>
  );
}

/** A part of a page with a heading of its own. */
export function Section({ title, actions, children, bare }: { title: ReactNode; actions?: ReactNode; children: ReactNode; bare?: boolean }) {
  return (
    <section className="flex min-w-0 flex-col gap-2">
      <div className="flex min-h-8 flex-wrap items-center justify-between gap-2">
        <h2 className="text-base font-semibold">{title}</h2>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </div>
      {bare ? children : <div className="card min-w-0">{children}</div>}
    </section>
  );
}

/** Names and values. Those without a value are left out. */
export function Facts({ rows }: { rows: (readonly [name: ReactNode, value: ReactNode] | false | "" | null | undefined)[] }) {
  return (
    <dl className="grid grid-cols-[minmax(7rem,auto)_1fr] gap-x-4 gap-y-1.5 p-4 text-sm max-sm:grid-cols-1 max-sm:gap-y-0 max-sm:pt-2 max-sm:[&+&]:-mt-4">
      {rows.filter((r) => !!r).filter(([, v]) => v !== undefined && v !== null && v !== "").map(([name, value], i) => (
        <div key={i} className="contents">
          <dt className="text-muted max-sm:mt-2 max-sm:text-xs">{name}</dt>
          <dd className="min-w-0 foreign">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A figure with its name, and a word about it. */
export function Figure({ name, value, note, tone }: { name: ReactNode; value: ReactNode; note?: ReactNode; tone?: "danger" | "warn" }) {
  return (
    <div className="card flex min-w-0 flex-col gap-0.5 p-3">
      <div className="text-xs text-muted">{name}</div>
      <div className={`text-lg font-semibold tabular ${tone === "danger" ? "text-danger" : tone === "warn" ? "text-warn" : ""}`}>{value}</div>
      {note && <div className="text-xs text-muted">{note}</div>}
    </div>
  );
}
