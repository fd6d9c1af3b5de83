import { count, plural } from "../format/number";

/** Texts of the pages of queues and of types. */
export const queues = {
  title: "Queues", lead: (n: number) => plural(n, "queue"),
  search: "Find a queue", none: "No queue of this name.", more: "There are more queues than are shown. Find them by their names in the address of one.",
  sort: "Order", sorts: [["name", "By name"], ["waiting", "Most waiting"], ["oldest", "Oldest message"], ["failing", "Most failures"], ["busy", "Busiest"]],
  show: "Show", shows: [["", "All"], ["held", "Held"], ["nobody", "Without workers"], ["failing", "Failing"]],
  badShow: (value: string) => `The address asks for ${value}, which there is not. All are shown.`,
  empty: "No queue has had a message yet", teach: "A queue is there with its first message. Dispatch one:",
  columns: {
    queue: "Queue", state: "State", waiting: "Waiting", running: "Running", oldest: "Oldest", rate: "Handled", series: "Last hour",
    wait: "Wait p95", failing: "Failing", limits: "Limits", workers: "Workers", type: "Type", handler: "Handler", run: "Run p95",
  },
  lastHour: (n: number) => `${plural(n, "attempt")} in the last hour, by five minutes`,
  noWorkers: "No workers", noWorkersSince: "Messages are ready, and nobody asks for them. Last asked:",
  scheduled: (n: number) => `${count(n)} scheduled`,
  detail: {
    missing: "No parameter says which queue: the address needs transport and queue.",
    unseen: "This queue has had no message yet. A limit or a pause can be set all the same. Dispatch the first one:",
    transport: "transport",
    all: "All messages", waiting: "Waiting", running: "Running", failed: "Failed", send: "Send a message",
    figures: { waiting: "Waiting", running: "Running", oldest: "Oldest ready", in: "Dispatched", out: "Handled", wait: "Waiting time p95", failing: "Failing", failed: "Dead letters" },
    lastHour: "in the last hour", since: (n: string) => `${n} completed ever`, of: (failed: number, processed: number) => `${count(failed)} of ${plural(processed, "attempt")}`,
    oldest: "Oldest messages", noneWaiting: "Nothing waits.", noneFound: "None was found among those looked at so far.", created: "Created", priority: "Priority", due: "Due", attempts: "Attempts", message: "Message",
    seeAll: "All that wait", workers: "Workers on it", noWorkers: "No continuous worker takes messages of this queue. Pull workers, consume and cron may.",
    worker: "Worker", node: "Node", at: "At work", handled: "Handled", stopped: "stopped",
    workersHidden: "The server does not tell its workers.",
  },
};

export const types = {
  title: "Types", lead: (n: number) => plural(n, "type or pattern", "types and patterns"),
  search: "Find a type", none: "No type of this name.", more: "There are more types than are shown.",
  shows: [["", "All"], ["held", "Held"], ["breaker", "Breaker open"], ["nobody", "Without handler"], ["failing", "Failing"]],
  empty: "No type has been seen yet", teach: "A type is there with its first message, or when a handler is configured for it. Dispatch one:",
  workers: "Running workers that take messages of the queues in which the type was seen.",
  someWorkers: "Running workers that take messages of some queues in which the type was seen. It was seen in more than are remembered.",
  noHandler: "none here", breakerOpen: "Breaker open", pattern: "Pattern",
  detail: {
    missing: "No parameter says which type: the address needs type.",
    unseen: "This type was not seen in the last days, and nothing is configured or set for it. Dispatch one:",
    seen: "Seen", first: "first", last: "last", transports: "On",
    handler: "Handler", handledBy: "Handled as", names: "Handlers", none: "Nothing on the node that answered handles this type. Pull workers may; a worker here would put its messages into the dead letter queue as no_handler.",
    breaker: "Circuit breaker", closed: "closed: the handler is called", open: "open: its messages wait", half: "half open: one message probes",
    failures: (n: number) => `${plural(n, "failure")} in a row`, opened: "opened", probe: "next probe", node: "on node",
    retry: "Retries", retryLead: (n: number) => (n === 0 ? "A message that fails is not tried again." : `A message that fails is tried again up to ${n === 1 ? "once" : `${count(n)} times`}.`),
    retryNote: "What a message says for itself (maxRetries, retryDelay), and what an endpoint asks for (Retry-After), goes before this.",
    jitter: (share: string) => `Each wait is varied by up to ${share} both ways.`,
    attempt: (n: number) => `Attempt ${count(n)}`, at: "at once", after: (d: string) => `${d} later`, sum: "From the first failure",
    picture: "When attempts would run, if each fails at once", dead: "then: dead letter queue", rest: (n: number) => `and ${plural(n, "more", "more")}`,
    schema: "Schema", noSchema: "Payloads of this type are not checked. types.X.schema names a JSON Schema.",
    patternNote: "This is a pattern: what stands here holds for all types that match it. Its figures are those of the types.",
    of: "Types of this pattern", groups: "Groups of its failures", run: "Run time p95",
  },
};
