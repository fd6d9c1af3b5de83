import type { Shape } from "../../api/client";
import { count, percent } from "../../format/number";
import { text } from "../../text";

const t = text.steering.limits;

type Limit = Shape<"Limit">;
type Value = Shape<"LimitValue">;

/** A limit in words: "2 at a time, 100/s". */
export function limitText(v: Value | undefined): string {
  const parts = [v?.concurrency && t.concurrency(v.concurrency), v?.rate, v?.burst && t.burst(v.burst)].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : t.unlimited;
}

/** What is configured, in words. */
export function configuredText(l: Limit): string {
  const parts = [l.configured && limitText(l.configured), l.perKey && `${limitText(l.perKey)} ${t.perKey}`].filter(Boolean);
  return parts.length > 0 ? parts.join(", ") : t.nothing;
}

/** A limit with its use, as short as a cell of a table needs it: "3/5, 100/s". */
export function limitUse(l: Limit): string {
  const { concurrency, rate } = l.now;
  const parts = [concurrency && `${count(l.running)}/${count(concurrency)}`, rate, l.pressure && percent(l.pressure.factor)].filter(Boolean);
  if (parts.length > 0) return parts.join(", ");
  return l.perKey ? `${limitText(l.perKey)} ${t.perKey}` : t.unlimited;
}
