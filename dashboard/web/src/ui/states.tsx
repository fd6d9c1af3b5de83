import { AlertTriangle, CircleAlert, Info, Lock } from "lucide-react";
import type { ReactNode } from "react";
import { ApiError } from "../api/errors";
import { text } from "../text";
import { Button } from "./button";

/** What went wrong, as the server said it, with each problem at its place. retry is offered where it may help. */
export function ErrorNote({ error, retry }: { error: unknown; retry?: () => void }) {
  const e = error instanceof ApiError ? error : undefined;
  const said = error instanceof Error ? error.message : String(error);
  return (
    <div role="alert" className="flex gap-2 rounded-md border border-danger/40 bg-danger-soft p-3 text-sm">
      {e?.status === 403 ? <Lock size={16} className="mt-0.5 shrink-0 text-danger" aria-hidden /> : <CircleAlert size={16} className="mt-0.5 shrink-0 text-danger" aria-hidden />}
      <div className="min-w-0 flex-1">
        <p className="foreign">{e?.status === 0 ? text.shared.unreachable : said || text.shared.failed}</p>
        {e && e.problems.length > 0 && (
          <ul className="mt-1 list-disc pl-4">
            {e.problems.map((p, i) => <li key={i} className="foreign"><code className="font-mono text-xs">{p.path}</code> {p.message}</li>)}
          </ul>
        )}
        {e?.requestId && <p className="mt-1 text-xs text-muted foreign">{text.shared.requestId(e.requestId)}</p>}
        {retry && e?.status !== 403 && <Button className="mt-2" onClick={retry}>{text.shared.retry}</Button>}
      </div>
    </div>
  );
}

/** Says that there is nothing, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  if (!children) return <p className="p-4 text-sm text-muted">{title}</p>;
  return (
    <div className="mx-auto flex w-full max-w-2xl min-w-0 flex-col gap-2 px-4 py-10">
      <p className="text-base font-semibold">{title}</p>
      {children && <div className="flex min-w-0 flex-col gap-3 text-sm text-muted">{children}</div>}
    </div>
  );
}

const tones = {
  info: ["border-line bg-sunken", Info, "text-muted"],
  warn: ["border-warn/40 bg-warn-soft", AlertTriangle, "text-warn"],
  danger: ["border-danger/40 bg-danger-soft", CircleAlert, "text-danger"],
} as const;

/** A remark that must not be missed. */
export function Callout({ tone = "info", children }: { tone?: keyof typeof tones; children: ReactNode }) {
  const [box, Icon, ink] = tones[tone];
  return (
    <div className={`flex gap-2 rounded-md border p-3 text-sm ${box}`}>
      <Icon size={16} className={`mt-0.5 shrink-0 ${ink}`} aria-hidden />
      <div className="min-w-0 flex-1">{children}</div>
    </div>
  );
}

/** Holds the place of what is being loaded. */
export function Loading({ lines = 3 }: { lines?: number }) {
  return (
    <div role="status" className="flex flex-col gap-2 p-4">
      <span className="sr-only">{text.shared.loading}</span>
      {Array.from({ length: lines }, (_, i) => <div key={i} className="h-4 animate-pulse rounded bg-hover" />)}
    </div>
  );
}
