import { type Shape } from "../../api/client";
import { duration } from "../../format/duration";
import { percent } from "../../format/number";
import { text } from "../../text";
import { attempts, picked } from "./retry";

const t = text.types.detail;

/** When a failed message would be tried again, as a picture and in figures. */
export function RetryPicture({ retry, several }: { retry: Shape<"TypeRetry">; several: boolean }) {
  const { shown, left } = picked(attempts(retry.delays));
  const beyond = retry.maxRetries - retry.delays.length;
  const y = 14;
  const x = (at: number) => `${2 + at * 96}%`; // of any width, so that the marks are as large on a phone
  return (
    <div className="flex flex-col gap-2 p-4">
      {several && <p className="text-xs text-muted foreign">{t.transports} {retry.transports.join(", ")}</p>}
      <p>{t.retryLead(retry.maxRetries)} {retry.maxRetries > 0 && retry.jitter > 0 && t.jitter(percent(retry.jitter))}</p>
      {retry.maxRetries > 0 && (
        <svg role="img" aria-label={t.picture} height={2 * y} className="w-full max-w-3xl">
          <line x1={x(0)} x2={x(1)} y1={y} y2={y} stroke="var(--line)" strokeWidth="2" />
          {shown.map((a, i) => (
            <circle key={a.number} cx={x(a.x)} cy={y} r="5" fill={i === shown.length - 1 ? "var(--failed)" : "var(--surface)"} stroke={i === shown.length - 1 ? "var(--failed)" : "var(--processing)"} strokeWidth="2" />
          ))}
        </svg>
      )}
      <ol className="grid grid-cols-[auto_auto_1fr] gap-x-4 gap-y-0.5 text-sm tabular">
        {shown.map((a, i) => (
          <li key={a.number} className="contents">
            <span>{t.attempt(a.number)}</span>
            <span className="text-right">{a.number === 1 ? t.at : t.after(duration(a.wait))}</span>
            <span className="text-muted">
              {a.number > 1 && <>+{duration(a.since)}</>}
              {i === shown.length - 2 && left > 0 && <> · {t.rest(left)}</>}
              {i === shown.length - 1 && <> · {beyond > 0 ? t.rest(beyond) : t.dead}</>}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}
