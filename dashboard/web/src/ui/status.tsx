import { Ban, CheckCircle2, Circle, CircleDashed, CircleX, type LucideIcon } from "lucide-react";
import { text } from "../text";

/** The statuses of a message, in the order of its life. */
export const statuses = ["pending", "processing", "completed", "failed", "cancelled"] as const;
export type Status = (typeof statuses)[number];

// Spelled out, so that the names of the classes can be found in the source.
const looks: Record<Status, [LucideIcon, string, string]> = {
  pending: [Circle, "text-pending", "bg-pending"],
  processing: [CircleDashed, "text-processing", "bg-processing"],
  completed: [CheckCircle2, "text-completed", "bg-completed"],
  failed: [CircleX, "text-failed", "bg-failed"],
  cancelled: [Ban, "text-cancelled", "bg-cancelled"],
};

/** The variables of the colours of statuses, for charts. */
export const statusColor: Record<Status, string> = {
  pending: "--pending", processing: "--processing", completed: "--completed", failed: "--failed", cancelled: "--cancelled",
};

/** A status by its shape, colour and name. iconOnly leaves the name to those who hear it. */
export function StatusBadge({ status, iconOnly }: { status: Status; iconOnly?: boolean }) {
  const [Icon, ink] = looks[status];
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${ink}`}>
      <Icon size={14} aria-hidden className="shrink-0" />
      <span className={iconOnly ? "sr-only" : "font-medium"}>{text.shared.status[status]}</span>
    </span>
  );
}

const badges = {
  plain: "border-line text-muted", warn: "border-warn/50 bg-warn-soft text-warn", danger: "border-danger/50 bg-danger-soft text-danger",
  good: "border-completed/50 bg-good-soft text-completed", accent: "border-accent/50 bg-accent-soft text-accent",
} as const;

/** A short word about a row, as high as a line of it, so that it stands in line with the other cells. */
export function Badge({ tone = "plain", children }: { tone?: keyof typeof badges; children: React.ReactNode }) {
  return <span className={`my-px inline-flex items-center gap-1 rounded border px-1.5 align-top text-xs font-medium whitespace-nowrap ${badges[tone]}`}>{children}</span>;
}
