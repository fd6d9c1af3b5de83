/** How much is done, and how much of that was passed over. Without a total it is only said that it goes on. */
export function Progress({ done, skipped = 0, total, label, running }: { done: number; skipped?: number; total?: number; label: string; running?: boolean }) {
  const part = (n: number) => (total ? `${Math.min(100, (n / total) * 100)}%` : "0%");
  return (
    <div role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={total} aria-valuenow={total === undefined ? undefined : Math.min(total, done + skipped)}
      aria-valuetext={label} className="flex h-2 w-full overflow-hidden rounded-full bg-hover">
      {total === undefined && running ? <div className="h-full w-1/3 animate-pulse bg-processing" /> : (
        <>
          <div className={`h-full ${running ? "bg-processing" : "bg-completed"}`} style={{ width: part(done) }} />
          <div className="h-full bg-warn" style={{ width: part(skipped) }} />
        </>
      )}
    </div>
  );
}
