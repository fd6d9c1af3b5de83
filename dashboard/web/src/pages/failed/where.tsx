import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { count, percent } from "../../format/number";
import { text } from "../../text";
import { Section } from "../../ui/page";
import { Who } from "../../ui/who";
import type { Letter } from "./calls";

const t = text.failed.group;
const most = 8;

/** Where a group's newest failures happened: queues, hosts, workers, after how many attempts, dispatched by whom. */
export function Where({ letters }: { letters: Letter[] }) {
  const worker = (l: Letter) => l.attempts.at(-1)?.worker ?? "";
  // The name of a worker of the server begins with its host: host:pid:random.
  const host = (l: Letter) => /^(.+):\d+:[0-9a-f]+$/.exec(worker(l))?.[1] ?? "";
  return (
    <Section title={t.where}>
      <p className="px-4 pt-3 text-sm text-muted">{t.whereLead(letters.length)}</p>
      <div className="grid gap-4 p-4 sm:grid-cols-2 lg:grid-cols-4">
        <Tally name={t.queue} values={letters.map((l) => l.queue)} show={(v) => {
          const l = letters.find((x) => x.queue === v);
          return <Link to="/queue" search={{ transport: l?.transport, queue: v }} className="link foreign">{v}</Link>;
        }} />
        <Tally name={t.host} values={letters.map(host)} />
        <Tally name={t.worker} values={letters.map(worker)} />
        <Tally name={t.attempts} values={letters.map((l) => String(l.attempts.length || l.retryCount + 1))} />
        <Tally name={t.dispatchedBy} values={letters.map((l) => l.dispatchedBy ?? "")} show={(v) => <Who id={v} />} />
      </div>
    </Section>
  );
}

/** How often each value is there, the most frequent first. Nothing where none is known. */
function Tally({ name, values, show }: { name: string; values: string[]; show?: (value: string) => ReactNode }) {
  const counts = new Map<string, number>();
  for (const v of values) counts.set(v, (counts.get(v) ?? 0) + 1);
  const list = [...counts].sort((a, b) => b[1] - a[1]).slice(0, most);
  if (list.every(([v]) => v === "")) return null;
  return (
    <div className="min-w-0">
      <h3 className="pb-1 text-xs text-muted">{name}</h3>
      <ul className="flex flex-col gap-1 text-sm">
        {list.map(([v, n]) => (
          <li key={v} className="flex min-w-0 items-baseline justify-between gap-2">
            <span className="min-w-0 truncate foreign" title={v.slice(0, 300)}>{v === "" ? <span className="text-muted">{t.unknown}</span> : show ? show(v) : v}</span>
            <span className="shrink-0 text-xs text-muted tabular">{count(n)} · {percent(n / values.length)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
