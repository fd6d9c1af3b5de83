import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, type ReactNode } from "react";
import { answer, api } from "../../api/client";
import { ApiError } from "../../api/errors";
import { duration } from "../../format/duration";
import { useRefetch } from "../../live/live";
import { type Search } from "../../search";
import { text } from "../../text";
import { Segmented } from "../../ui/field";
import { Section } from "../../ui/page";
import { Callout, ErrorNote } from "../../ui/states";
import { groupedSeries, groups, ownSeries, searchOfView, spans, viewOf, type By, type View } from "./series";
import { patient } from "../../ui/patient";

const Chart = lazy(patient(() => import("../../ui/chart")));
const t = text.series;
const height = 200;

/**
 * Figures over time, of all or of one queue or type. What is shown stands in the address. A stretch that is marked
 * opens the messages of that time.
 */
export function SeriesSection({ of }: { of?: { transport?: string; queue?: string; type?: string } }) {
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { view, problems } = useMemo(() => viewOf(search), [search]);
  const { minutes, step } = spans[view.span];
  const change = (next: Partial<View>) => void navigate({ to: ".", search: (s: Search) => ({ ...s, ...searchOfView(next) }), replace: true, resetScroll: false });
  const every = useRefetch("by nobody", view.span === "15m" || view.span === "1h" ? 10_000 : 60_000);
  const asked = of ? { ...of } : { groupBy: view.by, groups };
  const { data, error, refetch } = useQuery({
    queryKey: ["metrics", "series", minutes, step, asked],
    queryFn: ({ signal }) => answer(api.GET("/api/symphony/metrics", { params: { query: { minutes, step, ...asked } }, signal })),
    refetchInterval: every, placeholderData: keepPreviousData,
    retry: (n, e) => n < 2 && e instanceof ApiError && e.passing,
  });
  const times = useMemo(() => (data?.series ?? []).map((p) => new Date(p.time)), [data]);
  const series = useMemo(() => (data ? (of ? ownSeries(data, view.measure) : groupedSeries(data, view)) : []), [data, of, view]);
  const timed = view.measure === "run" || view.measure === "wait";
  const name = (options: readonly (readonly string[])[], value: string) => options.find(([v]) => v === value)?.[1] ?? value;
  const measure = name(t.measures, view.measure);
  const label = of ? t.ofOne(measure, name(t.spans, view.span)) : t.label(measure, name(t.bys, view.by).toLowerCase(), name(t.spans, view.span));
  const brush = (from: Date, to: Date) =>
    void navigate({ to: "/messages", search: { transport: of?.transport, queue: of?.queue, type: of?.type, since: from.toISOString(), until: to.toISOString() } });
  let body: ReactNode;
  if (error instanceof ApiError && error.status === 501) body = <p className="p-4 text-sm text-muted">{t.noMetrics}</p>;
  else if (error && !data) body = <div className="p-3"><ErrorNote error={error} retry={() => void refetch()} /></div>;
  else if (data && series.length === 0) body = <p className="p-4 text-sm text-muted">{t.nothing}</p>;
  else if (data) {
    body = (
      <>
        <Suspense fallback={<div className="h-60" />}>
          <Chart label={label} times={times} series={series} stacked={!timed} height={height} format={timed ? duration : undefined} onSelect={brush} />
        </Suspense>
        <p className="px-3 pb-2 text-xs text-muted">{t.brush} {t.step(duration(step * 60_000))}</p>
      </>
    );
  }
  return (
    <Section
      title={t.title}
      actions={
        <>
          <Segmented label={t.measure} value={view.measure} options={t.measures as [View["measure"], string][]} onChange={(v) => change({ measure: v })} />
          {!of && <Segmented label={t.by} value={view.by} options={t.bys as [By, string][]} onChange={(v) => change({ by: v })} />}
          {!of && timed && <Segmented label={t.percentile} value={view.percentile} options={t.percentiles as [View["percentile"], string][]} onChange={(v) => change({ percentile: v })} />}
          <Segmented label={t.span} value={view.span} options={t.spans as [View["span"], string][]} onChange={(v) => change({ span: v })} />
        </>
      }
    >
      {problems.map((p) => <div key={p} className="p-3"><Callout tone="warn">{p}</Callout></div>)}
      {/* The height is kept, so that nothing below it jumps when figures come. */}
      <div className="min-h-66">{body}</div>
    </Section>
  );
}
