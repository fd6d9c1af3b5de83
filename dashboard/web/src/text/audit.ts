import { count } from "../format/number";

/** Texts of the audit trail. */
export const audit = {
  title: "Audit",
  lead: "Who did what, when, from where, and what came of it. Nothing in it can be changed; payloads and secrets are never in it.",
  action: "Action", actionHint: "Action, or failed.*", who: "Who", whoHint: "id or name", target: "Target", targetHint: "id, queue, type, key…",
  clear: "Clear filters", table: "Entries of the audit trail",
  columns: { at: "When", action: "Action", outcome: "Outcome", who: "Who", what: "To what", result: "What came of it" },
  outcomes: { ok: "Done", refused: "Refused", failed: "Failed", unfinished: "Unfinished" },
  outcomeWhy: {
    ok: "It was done.", refused: "Nothing was done.", failed: "The server failed. A part may have been done.",
    unfinished: "It goes on, or the server ended before it could say what came of it.",
  },
  kinds: { user: "user", api_key: "API key", service: "service", local: "on the server’s machine" },
  times: (n: number) => `${count(n)} times within a minute`,
  newEntries: (n: number) => `${count(n)} new: show`,
  none: "Nothing has been changed yet.",
  noneText: "Every call that changes something is entered here, before it is done: pauses, retries, keys, schedules. Dispatching and handling messages are not.",
  filtered: "Nothing fits these filters.", sparse: "Nothing more was found in the part of the trail that was looked at.",
  entry: "Entry", more: "All that it is about", resultAll: "All that came of it",
  facts: {
    at: "Began", finished: "Ended", action: "Action", outcome: "Outcome", code: "Code", who: "Who", remote: "From", request: "Request", count: "How often", id: "Number",
  },
  onlyWho: "Only what they did", onlyAction: "Only such actions", unreadable: "Part of this entry cannot be read.",
  words: {
    message: "Message", schedule: "Schedule", operation: "Operation", queue: "Queue", type: "Type", group: "Group of failures", key: "API key", node: "Node",
    newMessage: "New message", transport: "Transport", filter: "filter", all: "everything", ids: (n: number) => `${count(n)} ids`,
  },
};
