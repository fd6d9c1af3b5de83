import { count, plural } from "../format/number";

/** Texts of the page of nodes and workers. */
export const workers = {
  title: "Workers",
  lead: "The processes that share the storage, and who else has messages, as of their last heartbeats.",
  figures: { nodes: "Nodes", busy: "At work", capacity: (n: number) => `of ${plural(n, "place")}`, others: "Messages elsewhere", othersNote: "pull workers, runs of consume and cron",
    breakers: "Breakers not closed", outages: "Outages of the storage" },
  node: {
    self: "answers you", version: "Version", host: "Host and process", started: "Started", seen: "Seen", memory: "Memory", capacity: "At work", id: "Id",
    stopped: "Stopped", idle: "No workers run here.", old: "An earlier release: its workers can only be stopped and started with those of all.", late: "No heartbeat for a while",
    use: (busy: number, most: number) => `${count(busy)} of ${count(most)} at work`,
  },
  worker: { transport: "Transport", name: "Worker", busy: "At work", buffered: "Claimed", succeeded: "Succeeded", failed: "Failed", last: "Last ended", state: "State",
    running: "Running", unsettled: (n: number) => `${count(n)} handled, their result not stored yet`,
    reasons: { empty: "Ended: nothing was left", message_limit: "Ended: its limit of messages", time_limit: "Ended: its limit of time", memory_limit: "Ended: its limit of memory",
      failure_limit: "Ended: its limit of failures", stop_requested: "Stopped by request", stopped: "Stopped", closed: "Closed" } as Record<string, string>, ended: "Ended" },
  work: { title: "At work now", none: "Nothing is at work.", message: "Message", type: "Type", queue: "Queue", attempt: "Attempt", since: "For", worker: "Worker",
    lost: "Lease lost", lostWhy: "The handler was told to stop and goes on, while others may have the message.", most: "The longest, at most 10 of each worker." },
  outage: (call: string) => ({ receive: "Fetching messages fails", settle: "Storing results fails", extend: "Extending leases fails" } as Record<string, string>)[call] ?? call,
  breaker: { title: "Breakers", open: "Open: its messages wait", half_open: "Half open: one message probes", failures: (n: number) => `${plural(n, "failure")} in a row`, probe: "next probe", opened: "since" },
  others: {
    title: "Others with messages", lead: "Pull workers, runs of consume and cron, and workers that died.", none: "Nobody else has messages.", more: "More messages are in work than were looked at.",
    messages: "Messages", oldest: "Oldest", until: "Lease until", name: "Name",
  },
  seen: { title: "Seen in the last hour", lead: "By the attempts that they ended.", name: "Name", ended: "Attempts", succeeded: "Succeeded", failed: "Failed", p95: "Run time p95", now: "here now", none: "No attempt has ended in the last hour." },
  actions: {
    stop: "Stop all", start: "Start all", stopOne: "Stop its workers", startOne: "Start its workers", stopTitle: "Stop all workers?",
    stopText: (nodes: number) => `The workers of ${plural(nodes, "node")} end gracefully, within about a second: what is at work is finished, nothing new is begun, and messages wait. They do not come back by themselves: start them again here.`,
    stopOneTitle: "Stop the workers of this node?",
    stopOneText: (name: string) => `The workers of ${name} end gracefully, within about a second: what is at work is finished, nothing new is begun there. The other nodes go on. They come back by starting them here, or when the process is restarted.`,
  },
  empty: {
    title: "No nodes", text: "No process with workers has told of itself in the last minute. symphony serve runs workers; symphony worker adds some on other machines. Pull workers in any language fetch messages over HTTP:",
  },
};
