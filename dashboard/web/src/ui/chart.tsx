import { useEffect, useMemo, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { clock, absolute } from "../format/time";
import { short, wholeSteps } from "../format/number";
import { useTheme, useZone } from "../frame/preferences";

/** One line or stacked area. color is a variable of the theme, such as --failed. */
export type Series = { name: string; color: string; values: (number | null)[]; dash?: number[] };

type Props = {
  label: string;
  /** The beginning of each step. */
  times: Date[];
  series: Series[];
  stacked?: boolean;
  format?: (value: number) => string;
  height?: number;
  /** Told of a stretch of time that was marked with the pointer. */
  onSelect?: (from: Date, to: Date) => void;
};

/** Series over time. The same figures stand in a table for those who cannot see it. Loaded lazily by pages. */
export default function Chart({ label, times, series, stacked, format = short, height = 200, onSelect }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const zone = useZone();
  const theme = useTheme();
  const select = useRef(onSelect);
  useEffect(() => {
    select.current = onSelect;
  });
  const data = useMemo((): uPlot.AlignedData => {
    const x = times.map((t) => t.getTime() / 1000);
    if (!stacked) return [x, ...series.map((s) => s.values)];
    const sums = new Array<number>(times.length).fill(0);
    const rows = series.map((s) => s.values.map((v, i) => (sums[i] = (sums[i] ?? 0) + (v ?? 0))));
    return [x, ...rows.reverse()]; // the highest is drawn first
  }, [times, series, stacked]);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const css = getComputedStyle(document.documentElement);
    const of = (name: string) => css.getPropertyValue(name).trim();
    // Areas are stacked, so none may shine through another.
    const drawn = stacked ? [...series].reverse() : series;
    const axis = { stroke: of("--muted"), grid: { stroke: of("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const days = times.length > 1 && times[times.length - 1]!.getTime() - times[0]!.getTime() > 2 * 86_400_000;
    // Half of the last label of a time stands behind the last step.
    const behind = days ? 36 : 20;
    const plot = new uPlot(
      {
        width: element.clientWidth, height, padding: [8, behind, 0, 0], legend: { show: true, live: true },
        scales: { x: { time: true }, y: { range: (_, __, high) => [0, high > 0 ? high * 1.1 : 1] } },
        cursor: { drag: { x: !!onSelect, y: false, setScale: false }, points: { size: 6 } },
        axes: [
          { ...axis, size: 28, space: 70, values: (_, at) => at.map((t) => (days ? absolute(new Date(t * 1000), zone).slice(5, 16) : clock(new Date(t * 1000), zone))) },
          { ...axis, size: 56, incrs: format === short ? wholeSteps : undefined, values: (_, at) => at.map((v) => format(v)) },
        ],
        series: [
          { label: "", value: (_, t) => (t == null ? "" : absolute(new Date(t * 1000), zone)) },
          ...drawn.map((s, i): uPlot.Series => ({
            label: s.name, stroke: of(s.color), width: 1.5, dash: s.dash, fill: stacked ? `color-mix(in srgb, ${of(s.color)} 33%, ${of("--surface")})` : undefined, points: { show: !stacked, size: 4 },
            value: (u, v, _, at) => {
              if (v == null) return "–";
              const below = stacked && at != null ? u.data[i + 2]?.[at] ?? 0 : 0;
              return format(v - below);
            },
          })),
        ],
        hooks: {
          setSelect: [(u) => {
            if (u.select.width < 4) return;
            select.current?.(new Date(u.posToVal(u.select.left, "x") * 1000), new Date(u.posToVal(u.select.left + u.select.width, "x") * 1000));
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          }],
        },
      },
      data, element,
    );
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
    // eslint-disable-next-line
  }, [data, series, stacked, theme, zone, height]);

  return (
    <figure className="min-w-0" aria-label={label}>
      <div ref={host} aria-hidden className="chart min-w-0 overflow-hidden" />
      {/* A table is never smaller than what stands in it, so that it cannot be hidden without something around it. */}
      <div className="sr-only">
        <table>
          <caption>{label}</caption>
          <thead><tr><th>Time</th>{series.map((s) => <th key={s.name}>{s.name}</th>)}</tr></thead>
          <tbody>
            {times.slice(-12).map((t, i) => {
              const at = Math.max(0, times.length - 12) + i;
              return <tr key={t.getTime()}><td>{absolute(t, zone)}</td>{series.map((s) => <td key={s.name}>{s.values[at] == null ? "–" : format(s.values[at]!)}</td>)}</tr>;
            })}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
