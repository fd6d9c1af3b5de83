/** Texts of charts of figures over time. */
export const series = {
  title: "Over time",
  span: "Period", by: "By", measure: "Figure", percentile: "Percentile",
  spans: [["15m", "15 min"], ["1h", "1 h"], ["6h", "6 h"], ["24h", "24 h"], ["7d", "7 d"]],
  bys: [["status", "Status"], ["queue", "Queue"], ["type", "Type"], ["worker", "Worker"]],
  measures: [["count", "Attempts"], ["failed", "Failures"], ["run", "Run time"], ["wait", "Waiting time"]],
  percentiles: [["avg", "Average"], ["p50", "p50"], ["p95", "p95"], ["p99", "p99"]],
  outcomes: { succeeded: "Completed", retried: "To be retried", dead: "Failed", cancelled: "Cancelled" },
  statuses: { completed: "Completed", pending: "To be retried", failed: "Failed", cancelled: "Cancelled" } as Record<string, string>,
  other: "Other",
  label: (measure: string, by: string, span: string) => `${measure} by ${by}, last ${span}`,
  ofOne: (measure: string, span: string) => `${measure}, last ${span}`,
  brush: "Mark a stretch to see its messages.",
  nothing: "Nothing was handled in this period.",
  noMetrics: "Nothing is counted here: metrics.enabled is false.",
  bad: (name: string, value: string) => `The address asks for ${name} ${value}, which there is not. This shows the usual one.`,
  step: (step: string) => `One step is ${step}.`,
};
