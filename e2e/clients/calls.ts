// Calls every route of a running server with a client of openapi-fetch, whose types openapi-typescript makes of the
// document that the server serves. Arguments: the server's URL, an administrator's API key, and the cron secret.
import createClient, { type Middleware } from "openapi-fetch";
import type { paths } from "./generated/api";

declare const process: { argv: string[] };

const [baseUrl, key, cronSecret] = process.argv.slice(2) as [string, string, string];

const called = new Set<string>();
const noting: Middleware = {
  onRequest({ request, schemaPath }) {
    called.add(`${request.method} ${schemaPath}`);
  },
};
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const cron = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${cronSecret}` } });
const open = createClient<paths>({ baseUrl });
for (const c of [client, cron, open]) c.use(noting);

// done is the data of an answer, which must be a success.
async function done<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok || data === undefined) {
    throw new Error(`${response.url}: ${response.status} ${JSON.stringify(error)}`);
  }
  return data;
}

function must(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

const health = await done(open.GET("/healthz"));
must(health.success === true, "healthz");
await done(open.GET("/readyz"));

// Dispatch, and a worker in this language.
const queue = "clients";
const sent = await done(client.POST("/api/symphony/dispatch", {
  body: {
    message: { type: "Order", payload: { id: 7, lines: [{ sku: "a" }] } },
    options: { queue, priority: 7, headers: { shop: 1 } },
  },
}));
must(sent.success === true && sent.messageId.length === 36, "dispatch");
const batch = await done(client.POST("/api/symphony/dispatch/batch", {
  body: { messages: [1, 2].map((n) => ({ message: { type: "Order", payload: { n } }, options: { queue } })) },
}));
must(batch.results.length === 2, "batch");
const pulled = await done(client.POST("/api/symphony/receive", { body: { queues: [queue], max: 3 } }));
must(pulled.messages.length === 3, "receive");
const receipts = pulled.messages.map((m) => m.receipt);
const payload: { [member: string]: unknown } = pulled.messages[0].payload;
must(payload.id === 7, "the payload of what was received");
await done(client.POST("/api/symphony/extend", { body: { receipts, lease: 60_000 } }));
const nacked = await done(client.POST("/api/symphony/nack", {
  body: { receipt: receipts[2], error: "no", permanent: true },
}));
must(nacked.outcome === "fail", "nack");
const acked = await done(client.POST("/api/symphony/ack", { body: { receipts: receipts.slice(0, 2) } }));
must(acked.count === 2, "ack");

// Results, progress and waiting.
const waitedFor = await done(client.POST("/api/symphony/dispatch", {
  body: { message: { type: "Export", payload: {} }, options: { queue: "exports" } },
}));
const [hand] = (await done(client.POST("/api/symphony/receive", { body: { queues: ["exports"] } }))).messages;
await done(client.POST("/api/symphony/extend", {
  body: { receipts: [hand.receipt], progress: { done: 1, total: 2, text: "half" }, log: ["a line"] },
}));
await done(client.POST("/api/symphony/ack", { body: { items: [{ receipt: hand.receipt, output: { rows: 7 } }] } }));
const { message: ended } = await done(client.GET("/api/symphony/messages/{id}", {
  params: { path: { id: waitedFor.messageId }, query: { wait: 5000 } },
}));
must(ended.status === "completed" && ended.progress?.done === 1, "a message that is waited for");
must(JSON.stringify(ended.output) === '{"rows":7}', "its output");

// Messages.
const list = await done(client.GET("/api/symphony/messages", {
  params: { query: { status: ["completed"], queue, limit: 10 } },
}));
must(list.messages.length === 2, "messages");
const counted = await done(client.GET("/api/symphony/messages/counts", { params: { query: { queue, status: ["completed", "failed"] } } }));
must(counted.total === counted.counts.completed + counted.counts.failed, "counts");
must((await done(client.GET("/api/symphony/search", { params: { query: { id: sent.messageId } } }))).messageId === sent.messageId, "search");
const { message: one } = await done(client.GET("/api/symphony/messages/{id}", { params: { path: { id: sent.messageId } } }));
must(one.status === "completed" && one.timeline.length > 0, "message");
await done(client.POST("/api/symphony/messages/{id}/replay", { params: { path: { id: sent.messageId } }, body: {} }));
const preview = await done(client.POST("/api/symphony/messages/replay", {
  body: { filter: { type: "Order" }, dryRun: true },
}));
must(preview.success === true, "replay");
const none = { filter: { type: "None" }, dryRun: true };
await done(client.POST("/api/symphony/messages/cancel", { body: none }));
await done(client.POST("/api/symphony/messages/edit", { body: { ...none, set: { priority: 1 } } }));
await done(client.POST("/api/symphony/messages/delete", { body: none }));
const later = { message: { type: "Later", payload: {} }, options: { queue, delay: 3_600_000 } };
for (const act of ["run", "delete", "cancel"] as const) {
  const { messageId } = await done(client.POST("/api/symphony/dispatch", { body: later }));
  const here = { params: { path: { id: messageId } } };
  must((await done(client.PATCH("/api/symphony/messages/{id}", { ...here, body: { priority: 9, metadata: null } }))).message.priority === 9, "edit");
  const params = { path: { id: messageId } };
  if (act === "run") await done(client.POST("/api/symphony/messages/{id}/run-now", { params }));
  else if (act === "delete") await done(client.DELETE("/api/symphony/messages/{id}", { params }));
  else {
    const body = { reason: "ordered twice" };
    const gone = await done(client.POST("/api/symphony/messages/{id}/cancel", { params, body }));
    must(gone.status === "cancelled" && gone.messageId === messageId, "cancel");
  }
}
const exported = await done(client.GET("/api/symphony/messages/export", {
  params: { query: { queue } }, parseAs: "text",
}));
must(exported.includes(sent.messageId), "export");
const imported = await done(client.POST("/api/symphony/messages/import", {
  params: { query: { dryRun: true } },
  body: exported, bodySerializer: (text) => text, headers: { "Content-Type": "application/x-ndjson" },
}));
must(imported.success === true && imported.invalid === 0, "import");

// Dead letters, and work in the background.
const failed = await done(client.GET("/api/symphony/failed", { params: { query: { queue, limit: 10, offset: 0 } } }));
must(failed.messages.length === 1 && failed.pagination.total === 1, "failed");
const failedId = failed.messages[0].id;
const groups = await done(client.GET("/api/symphony/failed/groups", { params: { query: { queue } } }));
must(groups.groups.length === 1 && groups.groups[0].count === 1, "groups");
const tried = await done(client.POST("/api/symphony/failed/groups/{id}/retry", {
  params: { path: { id: groups.groups[0].group } }, body: { patch: { n: 2 }, dryRun: true },
}));
must(tried.success === true, "retry of a group");
const inGroup = { path: { id: groups.groups[0].group } };
await done(client.POST("/api/symphony/failed/groups/{id}/delete", { params: inGroup, body: { dryRun: true } }));
await done(client.POST("/api/symphony/failed/groups/{id}/ignore", { params: inGroup, body: { count: 3, note: "known" } }));
const resolved = await done(client.POST("/api/symphony/failed/groups/{id}/resolve", { params: inGroup, body: { note: "fixed" } }));
must(resolved.group.state === "resolved", "resolve");
await done(client.GET("/api/symphony/failed/{id}", { params: { path: { id: failedId } } }));
await done(client.GET("/api/symphony/failed/export", { params: { query: { format: "csv" } }, parseAs: "text" }));
const retried = await done(client.POST("/api/symphony/failed/{id}/retry", {
  params: { path: { id: failedId } }, body: { payload: { corrected: true } },
}));
must(retried.originalFailedMessageId === failedId, "retry");
await done(client.POST("/api/symphony/dispatch/batch", {
  body: {
    messages: Array.from({ length: 20 }, (_, n) => ({ message: { type: "Order", payload: { n } }, options: { queue } })),
  },
}));
const run = await done(client.POST("/api/symphony/consume", { body: { queues: [queue], messageLimit: 100 } }));
must(run.stats.totalFailed >= 20, "consume"); // nobody handles these types
const dead = await done(client.GET("/api/symphony/failed", { params: { query: { queue } } }));
await done(client.DELETE("/api/symphony/failed/{id}", { params: { path: { id: dead.messages[0].id } } }));
await done(client.POST("/api/symphony/failed/delete", { body: { ids: ["none"] } }));
const started = await done(client.POST("/api/symphony/failed/retry", {
  body: { filter: { queue }, background: true, rate: 1 }, // one a second, so that it is there to be stopped
}));
must("operation" in started, "an operation was asked for");
const operation = { params: { path: { id: started.operation.id } } };
await done(client.GET("/api/symphony/operations", { params: { query: { limit: 5 } } }));
await done(client.GET("/api/symphony/operations/{id}", operation));
await done(client.POST("/api/symphony/operations/{id}/stop", operation));
await done(client.POST("/api/symphony/operations/{id}/resume", operation));

// Flow control.
await done(client.POST("/api/symphony/pause", { body: { queue: "mail", reason: "clients" } }));
await done(client.POST("/api/symphony/drain", { body: { queue: "parcels" } }));
const holds = await done(client.GET("/api/symphony/holds"));
must(holds.holds.map((h) => h.mode).sort().join() === "draining,paused", "holds");
await done(client.POST("/api/symphony/resume", { body: { queue: "mail" } }));
const ofType = { params: { path: { id: "Report.*" } } };
await done(client.PUT("/api/symphony/limits/type/{id}", { ...ofType, body: { rate: "100/s" } }));
const ofQueue = { params: { path: { transport: "default", id: "mail" } } };
await done(client.PUT("/api/symphony/limits/queue/{transport}/{id}", { ...ofQueue, body: { concurrency: 5 } }));
const ofKey = { params: { path: { id: "tenant-1" } } };
await done(client.PUT("/api/symphony/limits/key/{id}", { ...ofKey, body: { concurrency: 2 } }));
const limits = await done(client.GET("/api/symphony/limits"));
must(limits.limits.map((l) => l.kind).sort().join() === "key,queue,type", "limits");
await done(client.DELETE("/api/symphony/limits/type/{id}", ofType));
await done(client.DELETE("/api/symphony/limits/queue/{transport}/{id}", ofQueue));
await done(client.DELETE("/api/symphony/limits/key/{id}", ofKey));
await done(client.POST("/api/symphony/purge", { body: { queue: "mail", confirm: "mail" } }));

// Schedules.
await done(client.POST("/api/symphony/schedules/preview", { body: { cron: "@hourly", next: 2 } }));
const made = await done(client.POST("/api/symphony/schedules", {
  body: { name: "clients", interval: 3_600_000, message: { type: "Report", payload: {} } },
}));
const schedule = { params: { path: { id: made.schedule.id } } };
const changed = await done(client.PATCH("/api/symphony/schedules/{id}", { ...schedule, body: { name: null, maxRuns: 3 } }));
must(changed.schedule.name === undefined && changed.schedule.maxRuns === 3, "a change of a schedule");
await done(client.GET("/api/symphony/schedules", { params: { query: { state: "active" } } }));
await done(client.GET("/api/symphony/schedules/{id}", { params: { ...schedule.params, query: { next: 3 } } }));
await done(client.POST("/api/symphony/schedules/{id}/disable", schedule));
await done(client.POST("/api/symphony/schedules/{id}/enable", schedule));
await done(client.POST("/api/symphony/schedules/{id}/run", schedule));
await done(client.GET("/api/symphony/schedules/{id}/runs", schedule));
await client.POST("/api/symphony/schedules/{id}/skip", schedule);
await done(client.DELETE("/api/symphony/schedules/{id}", schedule));

// What the server tells of itself.
await done(client.GET("/api/symphony/status"));
const queues = await done(client.GET("/api/symphony/queues", { params: { query: { limit: 100 } } }));
must(queues.queues.some((q) => q.queue === queue && q.failed > 0), "queues");
const types = await done(client.GET("/api/symphony/types", { params: { query: { type: "Order", counts: true } } }));
must(types.types.length === 1 && types.types[0].transports[0] === "default" && types.types[0].pending !== undefined
  && types.types[0].queues?.[0] !== undefined, "types");
await done(client.GET("/api/symphony/metrics", { params: { query: { minutes: 5 } } }));
const byQueue = await done(client.GET("/api/symphony/metrics", { params: { query: { groupBy: "queue", step: 5 } } }));
must(byQueue.groups !== undefined && byQueue.groups.some((g) => g.name === queue && g.series.length > 0), "metrics by queue");
const scaled = await done(client.GET("/api/symphony/scale", { params: { query: { queue } } }));
must(scaled.desiredWorkers >= 0 && scaled.queue === queue, "scale");
await done(client.GET("/api/symphony/health"));
await done(client.GET("/api/symphony/workers"));
const nodes = await done(client.GET("/api/symphony/nodes"));
must(nodes.nodes.length > 0 && nodes.nodes[0]!.self, "nodes");
const node = { params: { path: { id: nodes.nodes[0]!.id } } };
await done(client.POST("/api/symphony/nodes/{id}/workers/stop", node));
await done(client.POST("/api/symphony/nodes/{id}/workers/start", node));
await done(client.GET("/api/symphony/config"));
await done(client.GET("/api/symphony/handlers"));
const watched = await done(client.POST("/api/symphony/dispatch", {
  body: { message: { type: "Watched", payload: {} }, options: { token: true, queue: "watched" } },
}));
must(watched.token !== undefined && watched.token.startsWith("smt_"), "token");
const ofWatched = { params: { path: { id: watched.messageId } } };
await done(client.POST("/api/symphony/messages/{id}/token", { ...ofWatched, body: { ttl: 60 } }));
const bearer = { headers: { authorization: `Bearer ${watched.token}` } };
const seen = await done(open.GET("/api/symphony/messages/{id}/public", { ...ofWatched, ...bearer }));
must(seen.message.id === watched.messageId, "public");
const publicEvents = await open.GET("/api/symphony/messages/{id}/public/events", {
  ...ofWatched, ...bearer, parseAs: "stream",
});
must(publicEvents.response.ok, "public events");
await publicEvents.response.body?.cancel().catch(() => undefined);
const handler = { params: { path: { id: "Pushed" } } };
const elsewhere = await client.PUT("/api/symphony/handlers/{id}", { ...handler, body: { url: "https://app.example.com/" } });
must(elsewhere.response.status === 400, "a handler whose origin is not allowed"); // push.allowed_origins is empty
must((await client.GET("/api/symphony/handlers/{id}", handler)).response.status === 404, "no handler");
must((await client.DELETE("/api/symphony/handlers/{id}", handler)).response.status === 404, "no handler to delete");
must((await client.POST("/api/symphony/handlers/{id}/rotate", handler)).response.status === 404, "nothing to rotate");
must((await client.POST("/api/symphony/handlers/{id}/retire", handler)).response.status === 404, "nothing to retire");
await done(client.GET("/api/symphony/alerts"));
await done(client.POST("/api/symphony/alerts/test"));
await done(client.GET("/api/symphony/audit", { params: { query: { limit: 5 } } }));
const events = await client.GET("/api/symphony/events", {
  params: { query: { after: 0 } }, parseAs: "stream",
});
must(events.response.ok && events.data !== undefined && events.data !== null, "events");
await events.data.cancel();

// Keys, and errors.
const session = await done(client.POST("/api/symphony/session"));
must(session.caller.kind === "api_key" && session.session, "session");
await done(client.GET("/api/symphony/session"));
await done(client.POST("/api/symphony/session/code"));
await done(client.DELETE("/api/symphony/session"));
const ways = await done(open.GET("/api/symphony/session/ways"));
must(ways.apiKey && !ways.password, "ways");
const ada = { email: "ada@example.com" };
const byPassword = await client.POST("/api/symphony/session/password", { body: { ...ada, password: "secret" } });
must(byPassword.response.status === 403, "no project is configured");
const byLink = await client.POST("/api/symphony/session/magic-link", { body: ada });
must(byLink.response.status === 403, "no project is configured");
const created = await done(client.POST("/api/symphony/keys", { body: { name: "shop", scopes: ["dispatch"] } }));
must(created.secret.startsWith("sym_"), "a key");
await done(client.GET("/api/symphony/keys"));
await done(client.DELETE("/api/symphony/keys/{id}", { params: { path: { id: created.key.id } } }));
const refused = await client.POST("/api/symphony/dispatch", { body: { message: { type: "", payload: {} } } });
must(refused.error?.code === "validation_failed", "an error has its code");

// Workers and cron runs.
await done(cron.GET("/api/cron/symphony-worker"));
await done(cron.POST("/api/cron/symphony-worker"));
await done(cron.GET("/api/cron/symphony-scheduler"));
await done(cron.POST("/api/cron/symphony-scheduler"));
await done(client.POST("/api/symphony/workers/stop"));
await done(client.POST("/api/symphony/workers/start"));

const document = (await (await fetch(`${baseUrl}/openapi.json`)).json()) as { paths: { [path: string]: object } };
const missed = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)).filter((route) => !called.has(route));
must(missed.length === 0, `never called: ${missed.join(", ")}`);
console.log(`called ${called.size} routes`);
