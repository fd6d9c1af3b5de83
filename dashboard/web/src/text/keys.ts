import { plural } from "../format/number";

/** Texts of the page of API keys. */
export const keys = {
  title: "API keys",
  lead: "What programs and people sign in with. A key itself is shown once, when it is made, and stored as a hash.",
  create: "Create a key…", table: "API keys",
  columns: { name: "Name", scopes: "Scopes", created: "Created", used: "Last used", expires: "Expires", state: "State", actions: "Actions" },
  show: "Show", active: "Active", all: "All", states: { active: "Active", expired: "Expired", revoked: "Revoked" },
  never: "never", bound: { types: "Types", queues: "Queues" }, you: "signed in with it", search: "Search names and ids",
  revoke: "Revoke…", none: "No key fits.", unreadable: "Part of it cannot be read.",
  noKeys: "There is no API key yet.", noKeysText: "A key lets a program dispatch, work or look. Make one with no more scopes than it needs:",
  creating: {
    title: "Create an API key", name: "Name", nameHint: "What or who it is for, such as “checkout service”. Up to 100 characters.", nameBad: "It needs a name.",
    scopes: "Scopes", scopesBad: "Choose at least one scope.", submit: "Create", adminWarn: "With admin, everything is open to whoever has the key, further keys included.",
    expiry: "Expires", options: { never: "Never", d7: "In 7 days", d30: "In 30 days", d90: "In 90 days", y1: "In a year", at: "At a time…" },
    at: "Time", atBad: "Choose a time to come.",
    types: "Only for types", typesHint: "One on each line, such as order.*. All where it is empty.", queues: "Only for queues", queuesHint: "One on each line. All where it is empty.",
    unbound: "A key with these scopes is for all types and queues.",
  },
  scopes: {
    dispatch: "Dispatch messages, one or many.", consume: "Work: receive, ack, nack, extend and consume; retry and delete single failed messages.",
    observe: "Look at everything but keys and audit, with what messages say hidden.", read: "Look at everything but keys and audit, payloads included.",
    operate: "Steer: pause, drain, retry and delete in bulk, edit, schedules, limits, workers.", admin: "All of these, and alone: keys, purge, audit, settings.",
  } as Record<string, string>,
  made: {
    title: "The key is made", once: "This is the only time that it is shown. Copy it now, to where secrets are kept.", key: "API key", copied: "I have copied it", try: "Try it",
  },
  revoking: {
    title: (name: string) => `Revoke ${name}`, happens: "Whoever uses it is refused from now on, at once on this node and within seconds on all others. Sessions that were opened with it end. This cannot be undone.",
    used: "It was used last", neverUsed: "It was never used.", own: "You are signed in with this key: you will be signed out.", confirm: (name: string) => `Type ${name} to confirm`, submit: "Revoke", done: "The key is revoked.",
  },
  total: (n: number) => plural(n, "key"),
};
