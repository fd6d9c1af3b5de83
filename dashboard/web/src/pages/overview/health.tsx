import { Link } from "@tanstack/react-router";
import { CircleAlert, CircleCheck, CircleX } from "lucide-react";
import { api, type Shape } from "../../api/client";
import { errorOf } from "../../api/errors";
import { text } from "../../text";

const t = text.overview.health;

export type Report = Shape<"HealthReport">;

/** Asks for the health. That work does not flow is an answer like others, although its status is 503. */
export async function readHealth(signal: AbortSignal): Promise<Report> {
  const { data, error, response } = await api.GET("/api/symphony/health", { signal });
  if (data) return data;
  const details = (error as { details?: unknown } | undefined)?.details;
  if (response.status === 503 && typeof details === "object" && details !== null && "checks" in details) return details as Report;
  throw errorOf(response, error);
}

// Where what a check finds is seen closer, and mended.
const places: Record<string, string> = {
  storage: "/workers", lag: "/queues", error_rate: "/failed", workers: "/workers", stuck: "/workers", scheduler: "/schedules", circuits: "/types", clock: "/workers", dead_letters: "/failed",
};

const looks = {
  healthy: [CircleCheck, "text-completed", ""], degraded: [CircleAlert, "text-warn", "border-warn/50!"], unhealthy: [CircleX, "text-danger", "border-danger!"],
} as const;

/** One sentence on whether work flows, and why it is so. Where things are wrong that no check of the server judges, it does not say that all is well. */
export function Health({ report, findings }: { report: Report; findings: number }) {
  const status = report.status === "healthy" && findings > 0 ? "degraded" : report.status;
  const [Icon, ink, line] = looks[status];
  const wrong = report.checks.filter((c) => c.status !== "healthy");
  return (
    <section aria-label={t.label} className={`card flex gap-3 p-4 ${line}`}>
      <Icon size={24} aria-hidden className={`shrink-0 ${ink}`} />
      <div className="min-w-0 flex-1">
        <p className={`text-lg font-semibold ${ink}`}>{t[status]}</p>
        {findings > 0 && <p className="mt-1">{t.findings(findings)}</p>}
        {wrong.length > 0 && (
          <ul className="mt-1 flex flex-col gap-0.5">
            {wrong.map((c) => <li key={c.name} className="foreign"><Link to={places[c.name] ?? "/workers"} className="link font-medium underline">{t.names[c.name] ?? c.name}</Link>: {c.message}</li>)}
          </ul>
        )}
        <details className="mt-1 text-xs text-muted">
          <summary className="cursor-pointer">{t.fine(report.checks.length - wrong.length)}</summary>
          <ul className="mt-1 flex flex-col gap-0.5">
            {report.checks.filter((c) => c.status === "healthy").map((c) => <li key={c.name} className="foreign">{t.names[c.name] ?? c.name}: {c.message}</li>)}
          </ul>
        </details>
      </div>
    </section>
  );
}
