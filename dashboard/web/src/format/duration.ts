const units: [string, number][] = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1000]];

/** Milliseconds in at most two units: 0 ms, 12 ms, 1.5 s, 42 s, 3 min 20 s, 2 d 4 h. */
export function duration(ms: number): string {
  if (ms < 0) return "-" + duration(-ms);
  if (ms < 1) return ms === 0 ? "0 ms" : `${ms.toFixed(ms < 0.1 ? 2 : 1)} ms`;
  if (ms < 1000) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  if (ms < 9_950) return `${Number((ms / 1000).toFixed(1))} s`;
  ms = Math.round(ms / 1000) * 1000;
  for (const [i, [unit, size]] of units.entries()) {
    if (ms < size) continue;
    const first = Math.floor(ms / size);
    const next = units[i + 1];
    const second = next && first < 100 ? Math.floor((ms % size) / next[1]) : 0;
    return second > 0 && next ? `${first} ${unit} ${second} ${next[0]}` : `${first} ${unit}`;
  }
  return "0 ms";
}

const sizes: Record<string, number> = {
  ms: 1, s: 1000, sec: 1000, second: 1000, m: 60_000, min: 60_000, minute: 60_000, h: 3_600_000, hour: 3_600_000,
  d: 86_400_000, day: 86_400_000, w: 604_800_000, week: 604_800_000,
};

/** Reads "90s", "1 h 30 min", "2d" as milliseconds; undefined for what is no duration. */
export function parseDuration(text: string): number | undefined {
  let sum = 0;
  let known = true;
  const rest = text.trim().toLowerCase().replace(/(\d+(?:\.\d+)?)\s*([a-z]+)/g, (_, n: string, unit: string) => {
    const size = sizes[unit] ?? sizes[unit.replace(/s$/, "")];
    known &&= size !== undefined;
    sum += Number(n) * (size ?? 0);
    return "";
  });
  return known && rest.trim() === "" && text.trim() !== "" ? sum : undefined;
}
