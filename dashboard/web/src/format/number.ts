const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 1,234,567 */
export function count(n: number): string {
  return whole.format(n);
}

/** 1.2M, for places where the exact number stands beside or in the title. */
export function short(n: number): string {
  return Math.abs(n) < 10_000 ? whole.format(n) : compact.format(n);
}

/** A rate a second: 0/s, 0.2/s, 12/s, 1.2K/s. */
export function rate(perSecond: number): string {
  if (perSecond > 0 && perSecond < 0.05) return "<0.1/s";
  const digits = perSecond < 10 && !Number.isInteger(perSecond) ? 1 : 0;
  return (perSecond >= 10_000 ? compact.format(perSecond) : perSecond.toFixed(digits)) + "/s";
}

/** A rate in the unit that says most: 12/s, 7/min, 3/h, 0/s. */
export function pace(perSecond: number): string {
  if (perSecond >= 1 || perSecond === 0) return rate(perSecond);
  const [n, unit] = perSecond * 60 >= 1 ? [perSecond * 60, "min"] : [perSecond * 3600, "h"];
  return n < 0.95 ? `<1/${unit}` : `${Math.round(n)}/${unit}`;
}

/** A share of 0 to 1 as 0 %, 0.4 %, 12 %. Never 0 % where it is more, nor 100 % where it is less. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "<0.1%";
  if (share < 1 && share > 0.999) return ">99.9%";
  const p = share * 100;
  return (p < 10 && p > 0 ? p.toFixed(1).replace(/\.0$/, "") : p.toFixed(p > 99 && p < 100 ? 1 : 0)) + "%";
}

/** Bytes in units of 1,024: 0 B, 1.5 KiB, 3 MiB. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return `${unit > 0 && n < 100 ? n.toFixed(1).replace(/\.0$/, "") : Math.round(n)} ${units[unit]}`;
}

/** "1 message", "2 messages", "1,000 messages". */
export function plural(n: number, one: string, many = one + "s"): string {
  return `${whole.format(n)} ${n === 1 ? one : many}`;
}

/** The steps of an axis of counts: there is no half a message, which would be written as the next whole one once more. */
export const wholeSteps = Array.from({ length: 15 }, (_, digits) => [1, 2, 2.5, 5].map((n) => n * 10 ** digits)).flat().filter(Number.isInteger);
