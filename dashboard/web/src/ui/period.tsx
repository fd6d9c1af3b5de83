import { CalendarRange } from "lucide-react";
import { useState } from "react";
import { filterTime, type Filter } from "../filter";
import { parseDuration } from "../format/duration";
import { absolute, fromInput, toInput, zoneName } from "../format/time";
import { useZone } from "../frame/preferences";
import { text } from "../text";
import { Button } from "./button";
import { TextField } from "./field";
import { Popover } from "./menu";

const t = text.filter.period;
const presets = ["15m", "1h", "6h", "24h", "7d"];

/** Chooses since and until of a filter: the last hours, or from one time to another. */
export function PeriodPicker({ filter, onChange }: { filter: Filter; onChange: (filter: Filter) => void }) {
  const zone = useZone();
  const [open, setOpen] = useState(false);
  const choose = (since?: string, until?: string) => {
    setOpen(false);
    onChange({ ...filter, since, until });
  };
  return (
    <Popover label={t.label} open={open} onOpenChange={setOpen} align="end"
      trigger={<Button icon={<CalendarRange size={14} aria-hidden />} aria-label={`${t.label}: ${shown(filter, zone)}`}>{shown(filter, zone)}</Button>}>
      <div className="flex w-64 flex-col gap-3">
        <div className="flex flex-wrap gap-1">
          <Button kind={filter.since || filter.until ? "plain" : "primary"} onClick={() => choose()}>{t.any}</Button>
          {presets.map((p) => (
            <Button key={p} kind={filter.since === p && !filter.until ? "primary" : "plain"} onClick={() => choose(p)}>{t.since(p)}</Button>
          ))}
        </div>
        <Custom filter={filter} onChoose={choose} />
      </div>
    </Popover>
  );
}

function Custom({ filter, onChoose }: { filter: Filter; onChoose: (since?: string, until?: string) => void }) {
  const zone = useZone();
  const start = (v: string | undefined) => (v ? toInput(filterTime(v, Date.now()), zone) : "");
  const [from, setFrom] = useState(() => start(filter.since));
  const [to, setTo] = useState(() => start(filter.until));
  const wrong = from && to && from >= to ? t.bad : undefined;
  return (
    <form
      className="flex flex-col gap-2 border-t border-line pt-3"
      onSubmit={(e) => {
        e.preventDefault();
        if (!wrong) onChoose(from ? fromInput(from, zone) : undefined, to ? fromInput(to, zone) : undefined);
      }}
    >
      <TextField label={t.from} type="datetime-local" value={from} onChange={(e) => setFrom(e.target.value)} />
      <TextField label={t.to} type="datetime-local" value={to} error={wrong} hint={t.zone(zoneName(zone))} onChange={(e) => setTo(e.target.value)} />
      <Button type="submit" refused={wrong}>{t.apply}</Button>
    </form>
  );
}

function shown(filter: Filter, zone?: string): string {
  const { since, until } = filter;
  if (!since && !until) return t.any;
  if (since && !until && parseDuration(since) !== undefined) return t.since(since);
  const name = (v: string) => (parseDuration(v) !== undefined ? `${v} ${text.shared.ago}` : absolute(v, zone).slice(0, 16));
  return t.range(since ? name(since) : "…", until ? name(until) : t.open);
}
