import { count, percent, plural } from "../format/number";

/** Texts of the overview. */
export const overview = {
  title: "Overview",
  health: {
    healthy: "Work flows.", degraded: "Work flows, and somebody should look.", unhealthy: "Work does not flow.",
    label: "Health", all: "All checks", fine: (n: number) => `${plural(n, "check")} without a finding`, findings: (n: number) => (n === 1 ? "One thing needs attention, see below." : `${n} things need attention, see below.`),
    unknown: "The server does not judge its health.",
    names: {
      storage: "Storage", lag: "Lag", error_rate: "Error rate", workers: "Workers", stuck: "Stuck handlers", scheduler: "Scheduler",
      circuits: "Circuit breakers", clock: "Clock", dead_letters: "Dead letters",
    } as Record<string, string>,
  },
  figures: {
    label: "Figures", depth: "Depth", depthNote: (waiting: number, running: number) => `${count(waiting)} waiting, ${count(running)} running`,
    oldest: "Oldest ready", oldestNote: "what is held included", in: "Dispatched", out: "Handled", last: "in the last 5 min",
    errors: "Error rate", errorsNote: (failed: number, of: number) => `${count(failed)} of ${plural(of, "attempt")} in 5 min`,
    wait: "Waiting time p95", dead: "Dead letters", deadNote: "wait for a decision", workers: "Workers", workersNote: (nodes: number) => `on ${plural(nodes, "node")}`,
    stopped: (n: number) => `${count(n)} stopped`,
  },
  attention: {
    title: "Needs attention", none: "Nothing does.", more: (n: number) => `${plural(n, "more", "more")}: show`,
    grows: (queue: string) => `Queue ${queue} grows`, growsWhy: (dispatched: number, ended: number, age: string) => `${count(dispatched)} came and ${count(ended)} ended in the last hour; the oldest waits ${age}`,
    nobody: (queue: string) => `Queue ${queue} has no workers`, nobodyWhy: (n: number) => `${plural(n, "message waits", "messages wait")}, and nobody asks for them`, asked: "last asked",
    fails: (type: string) => `Type ${type} fails`, failsWhy: (failed: number, of: number, share: number) => `${count(failed)} of ${plural(of, "attempt")} failed in the last 15 min (${percent(share)})`,
    breaker: (handler: string) => `Handler ${handler} is not called`, breakerWhy: (n: number, node: string) => `it failed ${plural(n, "time")} in a row on ${node}`, probe: "next probe",
    paused: (what: string) => `${what} is paused`, draining: (what: string) => `${what} drains`, began: "began", ends: "ends",
    alert: (rule: string) => `Alert ${rule.replaceAll("_", " ")}`,
    schedule: "Schedules are behind", regression: (type: string) => `${type} fails again`, regressionWhy: (n: number) => `it was resolved; ${plural(n, "dead letter")}`,
    partly: "Part of this cannot be had now:",
  },
  first: {
    title: "Dispatch the first message", lead: "Nothing has been dispatched here yet. Send this from a terminal or a program: it appears below as it arrives.",
    waits: "Waiting for the first message…", arrived: "The first message has arrived", go: "To the overview", see: "See it",
    demo: "Types demo.* are handled by the server itself while no handler is configured.", send: "Or send one from here",
  },
};
