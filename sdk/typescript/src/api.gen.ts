// Made by scripts/api.mjs from the OpenAPI document of the server. Do not edit.
/* eslint-disable */

export interface AckItem {
  /** Any JSON value, kept with the message. */
  output?: unknown | undefined
  receipt: string
}

export interface AckRequest {
  /** With receipts at most as many together. */
  items?: AckItem[] | undefined
  /** Of messages that leave nothing. */
  receipts?: string[] | undefined
}

export interface Alert {
  /** An alert is resolved at this value and below. */
  clear: number
  firing: boolean
  /** Of the last alert, the same from firing to resolution. */
  id?: string | undefined
  /** Where the oldest message is. */
  queue?: string | undefined
  /** Like no_workers. */
  rule: string
  /** When it began to fire, or was resolved; left out if it never fired. */
  since?: string | undefined
  /** ok. pending: it holds, not for long enough. firing. resolving: it fires and does not hold any more, not for long enough. unknown: its value cannot be had now. */
  state: "ok" | "pending" | "firing" | "resolving" | "unknown"
  text: string
  /** The rule holds at this value and above. */
  threshold: number
  /** When the last notification was made. */
  toldAt?: string | undefined
  transport: string
  /** Notifications that some webhook has not taken yet. */
  undelivered: number
  /** messages, ms, ratio, bytes or groups. */
  unit: string
  value: number
}

export interface AlertDelivery {
  delivered: boolean
  error?: string | undefined
  /** Scheme, host and path. */
  webhook: string
}

export interface AlertTestResponse {
  success: true
  webhooks: AlertDelivery[]
}

export interface AlertsResponse {
  alerts: Alert[]
  /** Whether the rules are judged; see alerts.enabled in the configuration. Where not, nobody is told of anything: values are those of now, and firing, since, id and toldAt are as they were when the rules were last judged. */
  enabled: boolean
  success: true
}

export interface AskedOptions {
  /** The id of the message whose handling dispatches this one. */
  causationId?: string | undefined
  /** Messages with the same key are handled one at a time, or as the limits of their type say. */
  concurrencyKey?: string | undefined
  /** Shared by the messages of one story. Default: the message's own id. */
  correlationId?: string | undefined
  /** Takes the place of the message with this key that waits. */
  debounceKey?: string | undefined
  /** Milliseconds until delivery, instead of scheduledAt. */
  delay?: number | undefined
  /** A message that no handler has begun by then goes to the dead letter queue, with errorClass expired. */
  expiresAt?: string | undefined
  /** Groups of the same queue, such as tenants, take turns. */
  groupKey?: string | undefined
  /** Travel with the message: at most 64, of any JSON value. traceparent among them continues a trace. */
  headers?: Record<string, unknown> | undefined
  /** All dispatches with this key to this transport, within the window, make one message. */
  idempotencyKey?: string | undefined
  /** Attempts after the first. Default: as the type's, else the transport's policy says. */
  maxRetries?: number | undefined
  /** A JSON object, merged over the message's metadata. */
  metadata?: Record<string, unknown> | undefined
  /** A message that is dispatched in the transaction in which this one fails for good or is cancelled. */
  onFailure?: Callback | undefined
  /** A message that is dispatched in the transaction that completes this one. */
  onSuccess?: Callback | undefined
  /** Messages of the group are handled one after the other, in the order of their dispatch. Needs groupKey. */
  ordered?: boolean | undefined
  /** 10 goes first. Default: the transport's, else 5. */
  priority?: number | undefined
  /** The queue within the transport. Default: the transport's. */
  queue?: string | undefined
  /** Milliseconds for which it is kept once it is completed or cancelled, 0 for not at all. If not set: as the settings say. */
  retention?: number | undefined
  /** Milliseconds before a retry, 0 to 86400000: one number, or a list of 1 to 100, one before each retry, of which the last repeats. Default: as the policy says. */
  retryDelay?: number | number[] | undefined
  /** The earliest time of delivery. In the past means now. */
  scheduledAt?: string | undefined
  /** Words by which it is found: at most 20, each of 1 to 64 printable characters without a comma. */
  tags?: string[] | undefined
  /** Is dropped while a message with this key waits. */
  throttleKey?: string | undefined
  /** Milliseconds that an attempt may take. Pull workers are told it. Default: the handler's. */
  timeout?: number | undefined
  /** Answer a token that shows this message. Default: false. */
  token?: boolean | undefined
  /** Where the message is stored. Default: the route for its type, else the default transport. */
  transport?: string | undefined
  /** Pushed there (http or https) instead of to the configured handler. Its origin must be among push.allowed_origins. It is never handed to receive. */
  url?: string | undefined
}

export interface AtWork {
  attempt: number
  /** Its lease is lost: the handler was told to stop and goes on, while others may have the message. */
  lost?: boolean | undefined
  messageId: string
  queue: string
  since: string
  type: string
}

export interface Attempt {
  attempt: number
  error: string
  errorClass: string
  finishedAt: string
  /** Its last lines. Not in lists. */
  log?: string[] | undefined
  /** When it was to be tried again; left out where it was not. */
  retryAt?: string | undefined
  startedAt: string
  worker: string
}

export interface AuditEntry {
  /** What was done, such as failed.retry or key.create. */
  action: string
  /** When it began. */
  at: string
  /** Of the error, where it was refused or failed. */
  code?: string | undefined
  /** How often the caller was refused this within a minute, where more than once: the entry is of the first time, finishedAt of the last. */
  count?: number | undefined
  finishedAt?: string | undefined
  /** Orders the entries. */
  id: number
  /** ok. refused: nothing was done. failed: the server failed, and a part may have been done. unfinished: it goes on, or the server ended before it could say. */
  outcome: "ok" | "refused" | "failed" | "unfinished"
  /** The address that the request came from: the proxy's behind one. Left out for a command on the server's own machine. */
  remote?: string | undefined
  /** X-Request-Id, under which the server's log tells more. */
  requestId?: string | undefined
  /** Ids and counts of what was done. */
  result?: Record<string, unknown> | undefined
  /** What it was done to: transport, queue, id, ids, filter and the like, as they were asked for. Never a payload. */
  target?: Record<string, unknown> | undefined
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
  who: AuditWho
}

export interface AuditResponse {
  entries: AuditEntry[]
  hasMore: boolean
  /** Pass as cursor to read on. A page may have fewer entries than asked for, or none, and a cursor: then nothing more was found in as much of the trail as is looked at for one page. */
  nextCursor?: string | undefined
  success: true
}

export interface AuditWho {
  /** A user's subject, a key's id, service_role, cron or local. */
  id: string
  /** user (of Supabase), api_key, service (the service_role key or the cron secret) or local (a command on the server's own machine). */
  kind: "user" | "api_key" | "service" | "local"
  /** A user's e-mail address, a key's name, the user of the operating system. */
  name?: string | undefined
}

export interface BatchRequest {
  /** All are stored, or none. */
  messages: DispatchRequest[]
}

export interface BatchResponse {
  results: Receipt[]
  success: true
}

export interface Breaker {
  /** In a row. */
  failures: number
  handler: string
  openedAt: string
  /** When the next message probes. */
  probeAt: string
  /** open: its messages wait. half_open: one of them probes. */
  state: "open" | "half_open"
}

export interface BulkRequest {
  /** Confirms an empty filter: to delete every failed message it must be true. */
  all?: boolean | undefined
  /** Answer at once, with 202 and the operation that goes on by itself. Default: where more than 10000 are selected. */
  background?: boolean | undefined
  /** Only count; with a patch, show three examples. */
  dryRun?: boolean | undefined
  /** An empty filter selects every failed message of the transport; to delete them, all must be given with it. */
  filter?: MessageFilter | undefined
  ids?: string[] | undefined
  /** Retry: a JSON merge patch of payloads. */
  patch?: Record<string, unknown> | undefined
  /** In the background: messages a second. */
  rate?: number | undefined
  /** Default: the default transport. */
  transport?: string | undefined
}

export interface BulkResponse {
  /** Messages retried or deleted. */
  count: number
  /** Nothing was done; count is of what would be. */
  dryRun?: boolean | undefined
  /** Of a dry run with a patch: three. */
  examples?: PatchExample[] | undefined
  /** Messages left in the dead letter queue. */
  failed: number
  /** Ids that named no failed message. */
  notFound: number
  success: true
}

export interface Callback {
  /** A JSON object without a member source, which it gets: messageId, type, status, output, error, errorClass and attempts of the message that it follows. */
  payload?: Record<string, unknown> | undefined
  /** Default: the transport's. */
  queue?: string | undefined
  /** One of the same storage. Default: the route for the type, else the default transport. */
  transport?: string | undefined
  /** Names the kind of message, in printable characters. */
  type: string
}

export interface CallbackChange {
  /** A JSON object without a member source, which it gets: messageId, type, status, output, error, errorClass and attempts of the message that it follows. */
  payload?: Record<string, unknown> | null | undefined
  /** Default: the transport's. */
  queue?: string | null | undefined
  /** One of the same storage. Default: the route for the type, else the default transport. */
  transport?: string | null | undefined
  /** Names the kind of message, in printable characters. */
  type?: string | null | undefined
}

export interface Caller {
  /** Unique within its kind, such as a user's subject. */
  id: string
  kind: "user" | "api_key" | "service" | "local"
  /** For people: an e-mail address, a key's name. */
  name: string
}

export interface Cancel {
  /** Who wanted it. */
  by?: string | undefined
  reason?: string | undefined
  requestedAt: string
}

export interface CancelManyRequest {
  /** Only count. */
  dryRun?: boolean | undefined
  /** Of what has not ended. */
  filter?: MessageFilter | undefined
  ids?: string[] | undefined
  /** Messages a second. */
  rate?: number | undefined
  /** Why; at most 500 bytes. */
  reason?: string | undefined
  /** Default: the default. */
  transport?: string | undefined
}

export interface CancelRequest {
  /** Why, for people. */
  reason?: string | undefined
}

export interface CancelResponse {
  messageId: string
  /** cancelling: a worker has it, and is told. */
  status: "cancelled" | "cancelling"
  success: true
}

export interface ConfigResponse {
  /** That was read; empty for none. */
  file: string
  /** What is set, and the defaults in force. */
  settings: Setting[]
  success: true
}

export interface ConsumeRequest {
  /** Default: 10. */
  batchSize?: number | undefined
  /** Default: 5. */
  maxConcurrency?: number | undefined
  messageLimit?: number | undefined
  /** Default: all. */
  queues?: string[] | undefined
  /** Milliseconds. Default: 50000. */
  timeLimit?: number | undefined
  /** Default: the default transport. */
  transport?: string | undefined
  /** Keep waiting until the time limit instead of returning when nothing is ready. Default: false. */
  waitForMessages?: boolean | undefined
}

export interface ConsumeResponse {
  health: Health
  stats: Stats
  success: true
}

export interface Counts {
  /** Since the transport was created. */
  cancelled: number
  /** Since the transport was created. */
  completed: number
  /** Pending and processing. */
  depth: number
  failed: number
  /** Ready, scheduled for later, or waiting for a retry. */
  pending: number
  processing: number
}

export interface CountsResponse {
  /** There may be more than were counted. */
  atLeast?: boolean | undefined
  counts: MessageCounts
  success: true
  /** All of them together. */
  total: number
}

export interface CreateKeyRequest {
  expiresAt?: string | undefined
  name: string
  /** The key is bound to these queues, with the scopes dispatch and consume. Absent: all. */
  queues?: string[] | undefined
  /** dispatch, consume, observe, read, operate, admin. */
  scopes: string[]
  /** The key is bound to messages of these types, or patterns of types (order.*), with the scope dispatch alone. Absent: all. */
  types?: string[] | undefined
}

export interface CreateKeyResponse {
  key: Key
  /** The API key. It is not stored and cannot be shown again. */
  secret: string
  success: true
}

export interface CronResponse {
  health: Health
  processed: number
  stats: Stats
  success: true
}

export interface DeleteManyRequest {
  /** Confirms an empty filter. */
  all?: boolean | undefined
  /** Only count. */
  dryRun?: boolean | undefined
  /** Of what waits. */
  filter?: MessageFilter | undefined
  ids?: string[] | undefined
  /** Messages a second. */
  rate?: number | undefined
  /** Default: the default. */
  transport?: string | undefined
}

export interface DispatchOptions {
  /** The id of the message whose handling dispatches this one. */
  causationId?: string | undefined
  /** Messages with the same key are handled one at a time, or as the limits of their type say. */
  concurrencyKey?: string | undefined
  /** Shared by the messages of one story. Default: the message's own id. */
  correlationId?: string | undefined
  /** Takes the place of the message with this key that waits. */
  debounceKey?: string | undefined
  /** Milliseconds until delivery, instead of scheduledAt. */
  delay?: number | undefined
  /** A message that no handler has begun by then goes to the dead letter queue, with errorClass expired. */
  expiresAt?: string | undefined
  /** Groups of the same queue, such as tenants, take turns. */
  groupKey?: string | undefined
  /** Travel with the message: at most 64, of any JSON value. traceparent among them continues a trace. */
  headers?: Record<string, unknown> | undefined
  /** All dispatches with this key to this transport, within the window, make one message. */
  idempotencyKey?: string | undefined
  /** Attempts after the first. Default: as the type's, else the transport's policy says. */
  maxRetries?: number | undefined
  /** A JSON object, merged over the message's metadata. */
  metadata?: Record<string, unknown> | undefined
  /** A message that is dispatched in the transaction in which this one fails for good or is cancelled. */
  onFailure?: Callback | undefined
  /** A message that is dispatched in the transaction that completes this one. */
  onSuccess?: Callback | undefined
  /** Messages of the group are handled one after the other, in the order of their dispatch. Needs groupKey. */
  ordered?: boolean | undefined
  /** 10 goes first. Default: the transport's, else 5. */
  priority?: number | undefined
  /** The queue within the transport. Default: the transport's. */
  queue?: string | undefined
  /** Milliseconds for which it is kept once it is completed or cancelled, 0 for not at all. If not set: as the settings say. */
  retention?: number | undefined
  /** Milliseconds before a retry, 0 to 86400000: one number, or a list of 1 to 100, one before each retry, of which the last repeats. Default: as the policy says. */
  retryDelay?: number | number[] | undefined
  /** The earliest time of delivery. In the past means now. */
  scheduledAt?: string | undefined
  /** Words by which it is found: at most 20, each of 1 to 64 printable characters without a comma. */
  tags?: string[] | undefined
  /** Is dropped while a message with this key waits. */
  throttleKey?: string | undefined
  /** Milliseconds that an attempt may take. Pull workers are told it. Default: the handler's. */
  timeout?: number | undefined
  /** Where the message is stored. Default: the route for its type, else the default transport. */
  transport?: string | undefined
  /** Pushed there (http or https) instead of to the configured handler. Its origin must be among push.allowed_origins. It is never handed to receive. */
  url?: string | undefined
}

export interface DispatchOptionsChange {
  /** The id of the message whose handling dispatches this one. */
  causationId?: string | null | undefined
  /** Messages with the same key are handled one at a time, or as the limits of their type say. */
  concurrencyKey?: string | null | undefined
  /** Shared by the messages of one story. Default: the message's own id. */
  correlationId?: string | null | undefined
  /** Takes the place of the message with this key that waits. */
  debounceKey?: string | null | undefined
  /** Milliseconds until delivery, instead of scheduledAt. */
  delay?: number | null | undefined
  /** A message that no handler has begun by then goes to the dead letter queue, with errorClass expired. */
  expiresAt?: string | null | undefined
  /** Groups of the same queue, such as tenants, take turns. */
  groupKey?: string | null | undefined
  /** Travel with the message: at most 64, of any JSON value. traceparent among them continues a trace. */
  headers?: Record<string, unknown> | null | undefined
  /** All dispatches with this key to this transport, within the window, make one message. */
  idempotencyKey?: string | null | undefined
  /** Attempts after the first. Default: as the type's, else the transport's policy says. */
  maxRetries?: number | null | undefined
  /** A JSON object, merged over the message's metadata. */
  metadata?: Record<string, unknown> | null | undefined
  /** A message that is dispatched in the transaction in which this one fails for good or is cancelled. */
  onFailure?: CallbackChange | null | undefined
  /** A message that is dispatched in the transaction that completes this one. */
  onSuccess?: CallbackChange | null | undefined
  /** Messages of the group are handled one after the other, in the order of their dispatch. Needs groupKey. */
  ordered?: boolean | null | undefined
  /** 10 goes first. Default: the transport's, else 5. */
  priority?: number | null | undefined
  /** The queue within the transport. Default: the transport's. */
  queue?: string | null | undefined
  /** Milliseconds for which it is kept once it is completed or cancelled, 0 for not at all. If not set: as the settings say. */
  retention?: number | null | undefined
  /** Milliseconds before a retry, 0 to 86400000: one number, or a list of 1 to 100, one before each retry, of which the last repeats. Default: as the policy says. */
  retryDelay?: number | number[] | null | undefined
  /** The earliest time of delivery. In the past means now. */
  scheduledAt?: string | null | undefined
  /** Words by which it is found: at most 20, each of 1 to 64 printable characters without a comma. */
  tags?: string[] | null | undefined
  /** Is dropped while a message with this key waits. */
  throttleKey?: string | null | undefined
  /** Milliseconds that an attempt may take. Pull workers are told it. Default: the handler's. */
  timeout?: number | null | undefined
  /** Where the message is stored. Default: the route for its type, else the default transport. */
  transport?: string | null | undefined
  /** Pushed there (http or https) instead of to the configured handler. Its origin must be among push.allowed_origins. It is never handed to receive. */
  url?: string | null | undefined
}

export interface DispatchRequest {
  message: Message
  options?: AskedOptions | undefined
}

export interface DispatchResponse {
  /** Where the type's route names several transports: the messages for the further ones. */
  also?: Receipt[] | undefined
  /** A message with the same throttle key waits: this is that one. */
  dropped?: boolean | undefined
  /** The idempotency key was known: this is the first message. */
  duplicate?: boolean | undefined
  idempotencyKey?: string | undefined
  /** UUID of version 7. */
  messageId: string
  queue: string
  /** The id of the waiting message with the same debounce key whose place this one has taken. */
  replaced?: string | undefined
  scheduledAt?: string | undefined
  success: true
  /** Where options.token asks for it. Good for an hour. */
  token?: string | undefined
  transport: string
}

export interface DoneResponse {
  message: string
  success: true
}

export interface EditManyRequest {
  /** Only count. */
  dryRun?: boolean | undefined
  /** Of what waits. */
  filter?: MessageFilter | undefined
  ids?: string[] | undefined
  /** Messages a second. */
  rate?: number | undefined
  /** Required: as PATCH of one message has it. */
  set?: Record<string, unknown> | undefined
  /** Default: the default. */
  transport?: string | undefined
}

export interface Environment {
  /** A word such as red, or #rrggbb. */
  color: string
  /** Empty: it has none. */
  name: string
}

export type Equalities = Record<string, string>

export interface Error {
  /** A stable word for programs. */
  code: string
  /** With code validation_failed: an array of path and message, at most 100 of them. */
  details?: unknown | undefined
  /** A sentence for people. */
  error: string
  /** How many problems there are beside those in details. */
  moreProblems?: number | undefined
}

export interface ErrorCount {
  count: number
  errorClass: string
}

export interface ExtendRequest {
  /** From now, in milliseconds. Default: 30000. */
  lease?: number | undefined
  /** With exactly one receipt: lines to keep. */
  log?: string[] | undefined
  /** With exactly one receipt: how far its message has come. */
  progress?: Report | undefined
  receipts: string[]
}

export interface FailedListResponse {
  messages: FailedMessage[]
  pagination: Pagination
  success: true
}

export interface FailedMessage {
  attempts: Attempt[]
  /** The id of the message whose handling dispatched this one. */
  causationId?: string | undefined
  concurrencyKey?: string | undefined
  /** Shared by the messages of one story: the id of the first. */
  correlationId: string
  createdAt: string
  /** Who had it dispatched: user: and the subject of a Supabase user, or api_key: and the id of an API key where auth.visibility is own. */
  dispatchedBy?: string | undefined
  error: string
  errorClass: string
  expiresAt?: string | undefined
  failedAt: string
  failureGroup?: string | undefined
  groupKey?: string | undefined
  headers: Record<string, unknown>
  /** Of this failure. */
  id: string
  idempotencyKey: string
  /** Something of it is hidden from the caller: by the scope observe, or by types.X.redact. */
  masked?: boolean | undefined
  /** Retries that it was dispatched with; of a failed message those that were allowed. */
  maxRetries: number
  message: Message
  messageId: string
  /** Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one message has all. */
  omitted?: Omitted | undefined
  onFailure?: Callback | undefined
  onSuccess?: Callback | undefined
  ordered?: boolean | undefined
  priority: number
  queue: string
  /** Milliseconds for which it is kept once it is completed or cancelled. */
  retention?: number | undefined
  retryCount: number
  /** Milliseconds before a retry: one number, or a list. */
  retryDelay?: number | number[] | undefined
  retryOf?: RetryOf | undefined
  scheduledAt?: string | undefined
  tags?: string[] | undefined
  /** Milliseconds that an attempt may take. */
  timeout?: number | undefined
  transport: string
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
  /** Where it is pushed to. */
  url?: string | undefined
}

export interface FailedResponse {
  attempts: Attempt[]
  /** The id of the message whose handling dispatched this one. */
  causationId?: string | undefined
  concurrencyKey?: string | undefined
  /** Shared by the messages of one story: the id of the first. */
  correlationId: string
  createdAt: string
  /** Who had it dispatched: user: and the subject of a Supabase user, or api_key: and the id of an API key where auth.visibility is own. */
  dispatchedBy?: string | undefined
  error: string
  errorClass: string
  expiresAt?: string | undefined
  failedAt: string
  failureGroup?: string | undefined
  groupKey?: string | undefined
  headers: Record<string, unknown>
  /** Of this failure. */
  id: string
  idempotencyKey: string
  /** Something of it is hidden from the caller: by the scope observe, or by types.X.redact. */
  masked?: boolean | undefined
  /** Retries that it was dispatched with; of a failed message those that were allowed. */
  maxRetries: number
  message: Message
  messageId: string
  /** Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one message has all. */
  omitted?: Omitted | undefined
  onFailure?: Callback | undefined
  onSuccess?: Callback | undefined
  ordered?: boolean | undefined
  priority: number
  queue: string
  /** Milliseconds for which it is kept once it is completed or cancelled. */
  retention?: number | undefined
  retryCount: number
  /** Milliseconds before a retry: one number, or a list. */
  retryDelay?: number | number[] | undefined
  retryOf?: RetryOf | undefined
  scheduledAt?: string | undefined
  success: true
  tags?: string[] | undefined
  /** Milliseconds that an attempt may take. */
  timeout?: number | undefined
  transport: string
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
  /** Where it is pushed to. */
  url?: string | undefined
}

export interface FailureGroup {
  /** That these failures have had. */
  attempts: number
  /** Dead letters that are there. */
  count: number
  errorClass: string
  /** All since firstSeen, also what is gone. */
  failures: number
  firstSeen: string
  /** A fingerprint, or other. */
  group: string
  lastSeen: string
  /** What was said when it was ignored or resolved. */
  note: string
  /** It was resolved, and has failed since. */
  regressed?: boolean | undefined
  /** The text of its newest failure. */
  sample: string
  /** Failures by hour; the last is this hour. */
  series: number[]
  state: "open" | "ignored" | "resolved"
  transport: string
  type: string
  /** It is ignored until then. */
  until?: string | undefined
}

export interface FailureGroupResponse {
  group: FailureGroup
  success: true
}

export interface FailureGroupsResponse {
  groups: FailureGroup[]
  hasMore: boolean
  /** Pass as cursor to read on. */
  nextCursor?: string | undefined
  success: true
}

export interface Figures {
  /** Of the handlers of attempts, whatever came of them. All are 0 without any. */
  averageProcessingTime: number
  /** Messages that were cancelled; they are no attempts. */
  cancelled: number
  /** Attempts that failed for good. */
  dead: number
  /** Messages that were stored; duplicates and what was dropped are none. */
  dispatched: number
  /** Attempts that failed: retried and dead. */
  failed: number
  /** The share of attempts that failed, 0 to 1; 0 without any. */
  failureRate: number
  maxProcessingTime: number
  p50: number
  p95: number
  p99: number
  /** Attempts that ended: succeeded and failed. */
  processed: number
  /** Deliveries that were given back; they are no attempts. */
  released: number
  /** Attempts that failed with another to come. */
  retried: number
  succeeded: number
  /** The share of attempts that succeeded, 0 to 1; 0 without any. */
  successRate: number
  /** Attempts that ended, per second. */
  throughput: number
  waiting: Waiting
}

export interface GroupDeleteRequest {
  /** Only count. */
  dryRun?: boolean | undefined
  /** A second. */
  rate?: number | undefined
}

export interface GroupIgnoreRequest {
  /** Or so often. */
  count?: number | undefined
  /** For people. */
  note?: string | undefined
  /** It is open again from then on. */
  until?: string | undefined
}

export interface GroupPreviewResponse {
  /** Dead letters of the group now. */
  count: number
  dryRun: boolean
  examples: PatchExample[]
  success: true
}

export interface GroupResolveRequest {
  /** For people. */
  note?: string | undefined
}

export interface GroupRetryRequest {
  /** Only count, with three examples. */
  dryRun?: boolean | undefined
  /** A JSON merge patch of the payloads. */
  patch?: Record<string, unknown> | undefined
  /** A second. */
  rate?: number | undefined
}

export interface Handler {
  /** Who changed it last. */
  by?: string | undefined
  concurrency?: number | undefined
  createdAt?: string | undefined
  /** Default: false. */
  keepOutput?: boolean | undefined
  kind: "http" | "command" | "go"
  /** Of several handlers of a pattern. */
  name?: string | undefined
  /** A configured pattern that takes all of it. */
  overriddenBy?: string | undefined
  pattern: string
  /** Why this node cannot push by it. */
  problem?: string | undefined
  /** It is for this queue alone, before all others. */
  queue?: string | undefined
  queues?: string[] | undefined
  retry?: HandlerRetry | undefined
  /** How many sign: two while one is rotated. */
  secrets?: number | undefined
  /** api: it is set at run time. */
  source: "api" | "config" | "program"
  timeout?: number | undefined
  updatedAt?: string | undefined
  /** Of configured ones scheme and host only. */
  url?: string | undefined
}

export interface HandlerRequest {
  concurrency?: number | undefined
  /** Default: false. */
  keepOutput?: boolean | undefined
  queues?: string[] | undefined
  retry?: HandlerRetry | undefined
  /** Signs alone. Default: see above. */
  secret?: string | undefined
  timeout?: number | undefined
  url: string
}

export interface HandlerResponse {
  handler: Handler
  /** What was made just now. It is told this once. */
  secret?: string | undefined
  success: true
}

export interface HandlerRetry {
  maxRetries?: number | undefined
  /** Milliseconds before each. */
  retryDelay?: number | number[] | undefined
}

export interface HandlerSecretRequest {
  /** whsec_…. Default: one is made. */
  secret?: string | undefined
}

export interface HandlersResponse {
  handlers: Handler[]
  success: true
}

export interface Health {
  /** Bytes. */
  memoryUsage: number
  processing: boolean
  running: boolean
  /** Why the run ended: empty, message_limit, time_limit, memory_limit, failure_limit or stopped. */
  stopReason?: string | undefined
  /** Milliseconds. */
  uptime: number
}

export interface HealthCheck {
  /** For people: what is wrong and where. */
  message: string
  name: string
  status: "healthy" | "degraded" | "unhealthy"
  /** From when on the value is a problem. */
  threshold?: number | undefined
  /** ms, ratio, messages, workers or circuits. */
  unit: string
  /** What was measured. */
  value: number
}

export interface HealthReport {
  /** Always all: storage, lag, error_rate, workers, stuck, scheduler, circuits, dead_letters. */
  checks: HealthCheck[]
  /** healthy, degraded (work flows, and somebody should look) or unhealthy (work does not flow): that of the worst check. Idle is healthy. */
  status: "healthy" | "degraded" | "unhealthy"
  success: true
  timestamp: string
}

export interface HealthResponse {
  status: string
  success: true
  version?: string | undefined
}

export interface Hold {
  by?: string | undefined
  /** paused: messages are accepted and none is handed out. draining: messages are handed out and none is accepted. */
  mode: "paused" | "draining"
  queue?: string | undefined
  reason?: string | undefined
  since: string
  type?: string | undefined
  /** When it ends by itself. */
  until?: string | undefined
}

export interface HoldRequest {
  queue?: string | undefined
  /** Why, for people. */
  reason?: string | undefined
  /** Default: the default transport. */
  transport?: string | undefined
  /** A type or a pattern such as Mail.*. Not with drain, and not with queue. */
  type?: string | undefined
  /** When it ends by itself. */
  until?: string | undefined
}

export interface HoldTarget {
  queue?: string | undefined
  /** Default: the default transport. */
  transport?: string | undefined
  /** A type or a pattern such as Mail.*. Not with drain, and not with queue. */
  type?: string | undefined
}

export interface HoldsResponse {
  holds: Hold[]
  success: true
  transport: string
}

export interface ImportProblem {
  /** 1 is the first. In CSV, where a row may have several lines, the first of the row. */
  line: number
  message: string
  path: string
}

export interface ImportResponse {
  /** Everything was checked and nothing stored: imported counts what would have been. */
  dryRun?: boolean | undefined
  /** Messages that were there, from an import before or by their idempotency key. */
  duplicates: number
  /** New messages. */
  imported: number
  /** Lines that were not imported because of their problems. */
  invalid: number
  /** Of the first lines with problems. */
  problems: ImportProblem[]
  /** Further problems, for which the list was too long. */
  problemsOmitted?: number | undefined
  /** Messages of a status that is not imported. */
  skipped: number
  success: true
}

export interface Key {
  createdAt: string
  expiresAt?: string | undefined
  id: string
  lastUsedAt?: string | undefined
  name: string
  /** The beginning of the key, by which its owner recognises it. */
  prefix: string
  /** The key is bound to these queues, with the scopes dispatch and consume. Absent: all. */
  queues?: string[] | undefined
  revokedAt?: string | undefined
  scopes: string[]
  /** The key is bound to messages of these types, or patterns of types (order.*), with the scope dispatch alone. Absent: all. */
  types?: string[] | undefined
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
}

export interface KeysResponse {
  keys: Key[]
  success: true
}

export interface Limit {
  configured?: LimitValue | undefined
  key?: string | undefined
  kind: "type" | "queue" | "key"
  /** What holds at this moment. */
  now: LimitValue
  /** For each concurrency key. */
  perKey?: LimitValue | undefined
  pressure?: LimitPressure | undefined
  queue?: string | undefined
  /** In workers' hands. */
  running: number
  set?: LimitSet | undefined
  /** How many may start at this moment by the rate. */
  tokens?: number | undefined
  transport?: string | undefined
  /** The pattern of types. */
  type?: string | undefined
  /** Messages that wait because of it. */
  waiting: number
}

export interface LimitPressure {
  /** What is left of the rate. */
  factor: number
  /** Which endpoint, and what it answered. */
  from?: string | undefined
  /** Its messages wait until then. */
  until?: string | undefined
}

export interface LimitRequest {
  /** Starts at the same moment. */
  burst?: number | undefined
  /** At the same time. */
  concurrency?: number | undefined
  /** A number, a slash, a time. */
  rate?: string | undefined
  /** When it ends by itself. */
  until?: string | undefined
}

export interface LimitSet {
  burst?: number | undefined
  by?: string | undefined
  concurrency?: number | undefined
  rate?: string | undefined
  since: string
  until?: string | undefined
}

export interface LimitValue {
  burst?: number | undefined
  concurrency?: number | undefined
  rate?: string | undefined
}

export interface LimitsResponse {
  limits: Limit[]
  success: true
}

export interface LoginCodeResponse {
  code: string
  expiresAt: string
  /** Where a browser redeems it, as the parameter code. */
  path: string
  success: true
  /** The whole address, where the server knows it. */
  url?: string | undefined
}

export interface MagicLinkRequest {
  email: string
  /** The server's path below its origin; / unless a proxy has a prefix. */
  root?: string | undefined
}

export interface Message {
  /** A JSON object of free data beside the payload. */
  metadata?: Record<string, unknown> | undefined
  /** A JSON object. It is stored byte for byte; in answers it is without the white space between its parts. */
  payload: Record<string, unknown>
  /** Names the kind of message. Routes and handlers are found by it. Printable characters. */
  type: string
}

export interface MessageChange {
  /** A JSON object of free data beside the payload. */
  metadata?: Record<string, unknown> | null | undefined
  /** A JSON object. It is stored byte for byte; in answers it is without the white space between its parts. */
  payload?: Record<string, unknown> | null | undefined
  /** Names the kind of message. Routes and handlers are found by it. Printable characters. */
  type?: string | null | undefined
}

export interface MessageCounts {
  cancelled: number
  completed: number
  failed: number
  pending: number
  processing: number
}

export interface MessageEdit {
  /** null: never. */
  expiresAt?: string | null | undefined
  maxRetries?: number | null | undefined
  /** An object. */
  metadata?: Record<string, unknown> | null | undefined
  /** An object, never null. */
  payload?: Record<string, unknown> | undefined
  priority?: number | null | undefined
  /** null: at once. */
  scheduledAt?: string | null | undefined
  tags?: string[] | null | undefined
}

export interface MessageFilter {
  causationId?: string | undefined
  concurrencyKey?: string | undefined
  correlationId?: string | undefined
  /** Like user:<id>. */
  dispatchedBy?: string | undefined
  /** Ended at or after. */
  endedSince?: string | undefined
  /** Ended before. */
  endedUntil?: string | undefined
  /** Of failed ones. */
  errorClass?: string | undefined
  /** Of dead letters. */
  failureGroup?: string | undefined
  groupKey?: string | undefined
  idempotencyKey?: string | undefined
  /** For paths into the metadata, names with dots between them, the value there: a string, or a number or boolean as it is spelled in JSON. In a query each is a parameter: metadata.customer.vip=true. */
  metadata?: Equalities | undefined
  priority?: number | undefined
  /** Text in type, payload, metadata or headers, of failed messages in type, payload or error, as they are stored; the case of ASCII letters is ignored, every other character is literal. */
  q?: string | undefined
  queue?: string | undefined
  /** Dispatched (dead letters: failed) at or after. */
  since?: string | undefined
  status?: ("pending" | "processing" | "completed" | "failed" | "cancelled")[] | undefined
  /** All of these. */
  tag?: string[] | undefined
  /** Exact, or Prefix.* for many. */
  type?: string | undefined
  /** Dispatched (dead letters: failed) before. */
  until?: string | undefined
  /** Has them, or completed them. */
  worker?: string | undefined
}

export interface MessagePages {
  /** There may be more. With fewer messages than the limit: nothing more matched among as many as one search looks at; go on with nextCursor. */
  hasMore: boolean
  limit: number
  /** Pass as cursor to read on. */
  nextCursor?: string | undefined
  /** The time of dispatch of the last one looked at. */
  through?: string | undefined
}

export interface MessageResponse {
  message: WholeMessage
  success: true
}

export interface MessagesResponse {
  messages: StoredMessage[]
  pagination: MessagePages
  success: true
}

export interface MetricsGroup {
  /** Of the handlers of attempts, whatever came of them. All are 0 without any. */
  averageProcessingTime: number
  /** Messages that were cancelled; they are no attempts. */
  cancelled: number
  /** Attempts that failed for good. */
  dead: number
  /** Messages that were stored; duplicates and what was dropped are none. */
  dispatched: number
  errors: ErrorCount[]
  /** Attempts that failed: retried and dead. */
  failed: number
  /** The share of attempts that failed, 0 to 1; 0 without any. */
  failureRate: number
  maxProcessingTime: number
  /** Of the type, queue, worker or status. */
  name: string
  p50: number
  p95: number
  p99: number
  /** Attempts that ended: succeeded and failed. */
  processed: number
  /** Deliveries that were given back; they are no attempts. */
  released: number
  /** Attempts that failed with another to come. */
  retried: number
  /** One entry for each step. */
  series: MetricsPoint[]
  succeeded: number
  /** The share of attempts that succeeded, 0 to 1; 0 without any. */
  successRate: number
  /** Attempts that ended, per second. */
  throughput: number
  /** Of a queue or worker. */
  transport?: string | undefined
  waiting: Waiting
}

export interface MetricsPoint {
  /** Milliseconds. */
  averageProcessingTime: number
  averageWaitingTime: number
  /** Messages that were cancelled; they are no attempts. */
  cancelled: number
  /** Attempts that failed for good. */
  dead: number
  /** Messages that were stored; duplicates and what was dropped are none. */
  dispatched: number
  /** Attempts that failed: retried and dead. */
  failed: number
  p50: number
  p95: number
  p99: number
  /** Attempts that ended: succeeded and failed. */
  processed: number
  /** Deliveries that were given back; they are no attempts. */
  released: number
  /** Attempts that failed with another to come. */
  retried: number
  succeeded: number
  /** When the step begins. */
  time: string
  waitingP50: number
  waitingP95: number
  waitingP99: number
}

export interface MetricsResponse {
  /** Of the handlers of attempts, whatever came of them. All are 0 without any. */
  averageProcessingTime: number
  /** At most 200 types, and the type other for all beyond. */
  byMessageType: Record<string, Figures>
  byTransport: Record<string, Figures>
  endTime: string
  /** Failed attempts by class of their error, the most frequent first. */
  errors: ErrorCount[]
  /** The share of attempts that failed, 0 to 1; 0 without any. */
  failureRate: number
  /** As it was asked for. */
  groupBy?: string | undefined
  groups?: MetricsGroup[] | undefined
  maxProcessingTime: number
  p50: number
  p95: number
  p99: number
  /** One entry for each step, also where nothing happened. */
  series: MetricsPoint[]
  /** Of the time that was added up: that asked for, widened to whole minutes, or to whole hours beyond the last 48. */
  startTime: string
  /** Minutes between two entries of series. */
  step: number
  success: true
  /** The share of attempts that succeeded, 0 to 1; 0 without any. */
  successRate: number
  /** Attempts that ended, per second. */
  throughput: number
  totals: Totals
  waiting: Waiting
}

export interface NackRequest {
  /** What went wrong, for the history. Its first 8 KiB are kept; what cannot be kept in a text is replaced. */
  error?: string | undefined
  /** A short stable word for the kind of error, by which failed messages are filtered, such as the name of its class. Its first 100 characters are kept. Default: nack. */
  errorClass?: string | undefined
  /** Fails the message without further attempts. */
  permanent?: boolean | undefined
  receipt: string
  /** Gives the message back as if it had not been received; no attempt is counted. */
  release?: boolean | undefined
  /** Milliseconds until the next attempt, in place of the policy's backoff, if it allows another attempt at all. */
  retryAfter?: number | undefined
}

export interface NackResponse {
  /** retry, fail (it is in the dead letter queue), release, or cancelled: it was cancelled meanwhile. */
  outcome: "retry" | "fail" | "release" | "cancelled"
  /** With outcome retry: milliseconds until it is ready again. */
  retryIn?: number | undefined
  success: true
}

export interface NamePages {
  hasMore: boolean
  limit: number
  nextCursor?: string | undefined
}

export interface Node {
  /** Its circuit breakers that are not closed. */
  breakers?: Breaker[] | undefined
  id: string
  /** Host and process id. */
  name: string
  /** Its last heartbeat, every ten seconds. */
  seenAt: string
  startedAt: string
  version: string
  /** The continuous workers of the process. */
  workers: NodeWorker[]
}

export interface NodeDetail {
  /** Its circuit breakers that are not closed. */
  breakers?: Breaker[] | undefined
  /** Handlers that its workers run at most. */
  concurrency: number
  id: string
  /** Bytes that the process holds. */
  memory?: number | undefined
  /** Host and process id. */
  name: string
  /** Handlers at work. */
  processing: number
  /** Its last heartbeat, every ten seconds. */
  seenAt: string
  /** It is the one that answers. */
  self: boolean
  startedAt: string
  /** Its workers can be stopped alone. */
  steerable: boolean
  /** Its workers are stopped by request. */
  stopped: boolean
  version: string
  /** The continuous workers of the process. */
  workers: NodeWorker[]
}

export interface NodeWorker {
  /** The messages that have been at work for the longest, the oldest first, at most 10. */
  atWork?: AtWork[] | undefined
  /** Claimed and not started. */
  buffered: number
  concurrency: number
  failed: number
  /** When the last attempt ended whose result is stored. */
  lastEndedAt?: string | undefined
  name: string
  /** Calls to the storage that fail at present. */
  outages?: WorkerOutage[] | undefined
  /** Handlers at work. */
  processing: number
  /** Those it works on. Left out: all. */
  queues?: string[] | undefined
  running?: boolean | undefined
  startedAt?: string | undefined
  /** Why it stopped: empty, message_limit, time_limit, memory_limit, failure_limit, stop_requested, stopped or closed. */
  stopReason?: string | undefined
  /** Since the worker started. */
  succeeded: number
  transport: string
  /** Handled, and the result not stored yet. */
  unsettled?: number | undefined
}

export interface NodesResponse {
  /** The processes that share the storage. */
  nodes: NodeDetail[]
  success: true
  timestamp: string
}

export interface Omitted {
  /** How many attempts, which are shown as an empty list where they are shown. */
  attempts?: number | undefined
  /** Bytes of the headers, likewise. */
  headers?: number | undefined
  /** Bytes of the metadata, likewise. */
  metadata?: number | undefined
  /** Bytes of the output, which is left out. */
  output?: number | undefined
  /** Bytes of the payload, which is shown as an empty object. */
  payload?: number | undefined
}

export interface Operation {
  /** Who asked for it. */
  by?: string | undefined
  createdAt: string
  /** Messages retried, deleted, replayed, cancelled or changed so far. */
  done: number
  /** What holds it up, ended it, or had it skip a message. */
  error?: string | undefined
  /** What it was asked for, unless by ids. Its until was set to the beginning where it was not before: what comes later is left alone. */
  filter?: OperationFilter | undefined
  finishedAt?: string | undefined
  id: string
  kind: "failed.retry" | "failed.delete" | "messages.replay" | "messages.cancel" | "messages.edit" | "messages.delete"
  /** Which process works on it. */
  node?: string | undefined
  /** At most this many messages per second. */
  rate?: number | undefined
  /** Why messages are cancelled. */
  reason?: string | undefined
  /** How many ids it was asked for, unless by filter. */
  selected?: number | undefined
  /** Which members of messages are changed. */
  set?: string[] | undefined
  /** Messages that were not there any more, had another status by then, or were refused. */
  skipped: number
  startedAt?: string | undefined
  /** running, stopped, completed or failed. */
  state: "running" | "stopped" | "completed" | "failed"
  /** How many messages were selected at the beginning; left out while they are being counted. */
  total?: number | undefined
  transport: string
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
  updatedAt: string
}

export interface OperationFilter {
  causationId?: string | undefined
  concurrencyKey?: string | undefined
  correlationId?: string | undefined
  dispatchedBy?: string | undefined
  endedSince?: string | undefined
  endedUntil?: string | undefined
  errorClass?: string | undefined
  failureGroup?: string | undefined
  groupKey?: string | undefined
  idempotencyKey?: string | undefined
  /** Values by path, as they were asked for. */
  metadata?: Record<string, unknown> | undefined
  priority?: number | undefined
  q?: string | undefined
  queue?: string | undefined
  since?: string | undefined
  status?: string[] | undefined
  tag?: string[] | undefined
  type?: string | undefined
  until?: string | undefined
  worker?: string | undefined
}

export interface OperationResponse {
  operation: Operation
  success: true
}

export interface OperationsResponse {
  hasMore: boolean
  /** Pass as cursor to read on. */
  nextCursor?: string | undefined
  operations: Operation[]
  success: true
}

export interface OtherLease {
  /** When the first of their leases ends unless it is extended. */
  leasedUntil: string
  oldest: AtWork
  /** Messages. */
  processing: number
  transport: string
  worker: string
}

export interface Pagination {
  hasMore: boolean
  limit: number
  /** Pass as cursor to read on; deep lists are read faster so. */
  nextCursor?: string | undefined
  offset: number
  total: number
}

export interface PasswordRequest {
  email: string
  password: string
}

export interface PatchExample {
  after?: Record<string, unknown> | undefined
  before: Record<string, unknown>
  /** Of the dead letter. */
  id: string
  /** It stays where it is because of them. */
  problems: PatchProblem[]
  /** Of the message. */
  type: string
}

export interface PatchProblem {
  message: string
  path: string
}

export interface PlacedHold {
  by?: string | undefined
  /** paused: messages are accepted and none is handed out. draining: messages are handed out and none is accepted. */
  mode: "paused" | "draining"
  queue?: string | undefined
  reason?: string | undefined
  since: string
  transport: string
  type?: string | undefined
  /** When it ends by itself. */
  until?: string | undefined
}

export interface PreviewCountResponse {
  /** There may be more than could be counted soon. */
  atLeast?: boolean | undefined
  /** Messages that are selected now. */
  count: number
  dryRun: boolean
  success: true
}

export interface PreviewRequest {
  /** Once, at this time. In the past means now. */
  at?: string | undefined
  /** Five fields, six with seconds first, or @daily and the like. */
  cron?: string | undefined
  /** Default: true. */
  enabled?: boolean | undefined
  /** No occurrence is after. */
  endAt?: string | undefined
  /** Milliseconds between two occurrences, counted from startAt or from now. It does not drift. */
  interval?: number | undefined
  /** Delays each occurrence's message by up to so many milliseconds, the same on all nodes. */
  jitter?: number | undefined
  /** Completes the schedule after so many. */
  maxRuns?: number | undefined
  /** What is dispatched. Required, except for a preview. */
  message?: Message | undefined
  /** What becomes of occurrences that could not fire in time: all, last or skip. Default: last. */
  missed?: "all" | "last" | "skip" | undefined
  /** For people. Unique. */
  name?: string | undefined
  /** How many occurrences to tell. Default: 5. */
  next?: number | undefined
  /** How it is dispatched; without scheduledAt and idempotencyKey, which belong to the schedule. */
  options?: DispatchOptions | undefined
  /** allow, or skip an occurrence while the message of the last one is unfinished. Default: allow. */
  overlap?: "allow" | "skip" | undefined
  /** No occurrence is before. */
  startAt?: string | undefined
  /** The time zone of cron, such as Europe/Berlin. Default: UTC. */
  timezone?: string | undefined
}

export interface PreviewResponse {
  nextRuns: string[]
  success: true
}

export interface Progress {
  /** When it was told. */
  at?: string | undefined
  done: number
  /** The same for people. */
  text?: string | undefined
  /** If known. */
  total?: number | undefined
}

export interface PublicMessage {
  createdAt?: string | undefined
  finishedAt?: string | undefined
  /** That of the token, also once it was retried. */
  id: string
  /** Of types with public_output. */
  output?: unknown | undefined
  progress?: Progress | undefined
  /** It failed, and another one is in its place. */
  retried?: boolean | undefined
  scheduledAt?: string | undefined
  startedAt?: string | undefined
  status: "pending" | "processing" | "completed" | "failed" | "cancelled"
}

export interface PublicResponse {
  message: PublicMessage
  success: true
}

export interface Pulled {
  /** 1 is the first delivery. */
  attempt: number
  /** The id of the message whose handling dispatched this one. */
  causationId?: string | undefined
  concurrencyKey?: string | undefined
  /** Shared by the messages of one story: the id of the first. */
  correlationId: string
  createdAt: string
  /** Who had it dispatched: user: and the subject of a Supabase user, or api_key: and the id of an API key where auth.visibility is own. */
  dispatchedBy?: string | undefined
  expiresAt?: string | undefined
  groupKey?: string | undefined
  headers: Record<string, unknown>
  id: string
  idempotencyKey?: string | undefined
  leasedUntil: string
  /** Retries that it was dispatched with; of a failed message those that were allowed. */
  maxRetries?: number | undefined
  metadata: Record<string, unknown>
  onFailure?: Callback | undefined
  onSuccess?: Callback | undefined
  ordered?: boolean | undefined
  payload: Record<string, unknown>
  priority: number
  queue: string
  /** Settles this delivery. Opaque. */
  receipt: string
  /** Milliseconds for which it is kept once it is completed or cancelled. */
  retention?: number | undefined
  /** Milliseconds before a retry: one number, or a list. */
  retryDelay?: number | number[] | undefined
  retryOf?: RetryOf | undefined
  scheduledAt?: string | undefined
  tags?: string[] | undefined
  /** Milliseconds that an attempt may take. */
  timeout?: number | undefined
  transport: string
  type: string
  /** Where it is pushed to. */
  url?: string | undefined
}

export interface PurgeRequest {
  /** Must repeat the name of the queue, or of the transport where no queue is given: what is purged is gone. */
  confirm: string
  /** Default: all. */
  queue?: string | undefined
  /** Default: the default transport. */
  transport?: string | undefined
  /** Only this type. */
  type?: string | undefined
}

export interface PurgeResponse {
  count: number
  /** Messages of the transport that still wait. */
  pending: number
  success: true
}

export interface Queue {
  /** Since the transport was created. */
  cancelled: number
  /** Since the transport was created. */
  completed: number
  /** Pending and processing. */
  depth: number
  failed: number
  /** Milliseconds. */
  oldestPendingAge: number
  /** Ready, scheduled for later, or waiting for a retry. */
  pending: number
  processing: number
  scheduledMessages: number
}

export interface QueueInfo {
  /** Since the transport was created. */
  cancelled: number
  /** Since the transport was created. */
  completed: number
  /** Pending and processing. */
  depth: number
  failed: number
  /** Of the last hour, where anything is counted. */
  figures?: Figures | undefined
  /** Of the queue, and of its whole transport. */
  holds: Hold[]
  /** Of the queue. */
  limits: Limit[]
  /** Milliseconds, of what is ready. */
  oldestPendingAge: number
  /** Ready, scheduled for later, or waiting for a retry. */
  pending: number
  processing: number
  queue: string
  /** With a scheduledAt still ahead. */
  scheduledMessages: number
  /** Attempts of that hour, by five minutes. */
  series?: number[] | undefined
  transport: string
  /** Since when no worker is known to have asked. */
  unaskedSince?: string | undefined
}

export interface QueuesResponse {
  pagination: NamePages
  /** In the order of transports and names. */
  queues: QueueInfo[]
  success: true
}

export interface Receipt {
  /** Where the type's route names several transports: the messages for the further ones. */
  also?: Receipt[] | undefined
  /** A message with the same throttle key waits: this is that one. */
  dropped?: boolean | undefined
  /** The idempotency key was known: this is the first message. */
  duplicate?: boolean | undefined
  idempotencyKey?: string | undefined
  /** UUID of version 7. */
  messageId: string
  queue: string
  /** The id of the waiting message with the same debounce key whose place this one has taken. */
  replaced?: string | undefined
  scheduledAt?: string | undefined
  /** Where options.token asks for it. Good for an hour. */
  token?: string | undefined
  transport: string
}

export interface ReceiptsResponse {
  count: number
  success: true
}

export interface ReceiveRequest {
  /** How long the messages belong to the caller unless extended, in milliseconds. Default: 30000. */
  lease?: number | undefined
  /** The most messages to return. Default: 10. */
  max?: number | undefined
  /** Default: all. */
  queues?: string[] | undefined
  /** Default: the default transport. */
  transport?: string | undefined
  /** How long to wait for a message when there is none, in milliseconds. Default: 0. */
  wait?: number | undefined
  /** Names the caller in the attempts' history. Default: its API key or user. */
  worker?: string | undefined
}

export interface ReceiveResponse {
  messages: Pulled[]
  success: true
}

export interface ReplayManyRequest {
  /** Only count. */
  dryRun?: boolean | undefined
  /** An empty filter selects every completed message of the transport that is kept. */
  filter?: MessageFilter | undefined
  ids?: string[] | undefined
  /** At most this many messages per second. Default: as fast as storage takes them. */
  rate?: number | undefined
  /** Default: the default transport. */
  transport?: string | undefined
}

export interface ReplayRequest {
  /** All replays with this key, within the window, make one message. Default: each makes one. */
  idempotencyKey?: string | undefined
  /** In place of the message's payload, a JSON object. */
  payload?: Record<string, unknown> | undefined
}

export interface ReplayResponse {
  /** The idempotency key was known: this is the first message. */
  duplicate?: boolean | undefined
  message: string
  newMessageId: string
  originalMessageId: string
  success: true
}

export interface Report {
  done: number
  /** The same for people. */
  text?: string | undefined
  /** Of how much, if known. */
  total?: number | undefined
}

export interface RetryOf {
  failedId: string
  messageId: string
  /** The failed message's, where the retry has corrected it. */
  payload?: Record<string, unknown> | undefined
}

export interface RetryRequest {
  /** A corrected payload, a JSON object. */
  payload?: Record<string, unknown> | undefined
}

export interface RetryResponse {
  message: string
  newMessageId: string
  originalFailedMessageId: string
  success: true
}

export interface ScaleResponse {
  /** Dispatched per second, over five minutes. */
  arrivalRate: number
  /** Milliseconds; 0: not known. */
  averageRunTime: number
  /** Ready, or waiting for a retry. */
  backlog: number
  /** Messages at a time, of a worker. */
  concurrency: number
  desiredWorkers: number
  /** Milliseconds for the backlog. */
  drain: number
  /** Attempts that ended, likewise. */
  handleRate: number
  /** Of the backlog, in milliseconds. */
  oldestAge: number
  /** The queue hands out nothing. */
  paused: boolean
  /** Messages in hand. */
  processing: number
  queue: string
  /** Attempts to be repeated, likewise. */
  retryRate: number
  success: true
  transport: string
}

export interface Schedule {
  /** Once, at this time. In the past means now. */
  at?: string | undefined
  completedAt?: string | undefined
  createdAt: string
  /** Five fields, six with seconds first, or @daily and the like. */
  cron?: string | undefined
  /** Default: true. */
  enabled?: boolean | undefined
  /** No occurrence is after. */
  endAt?: string | undefined
  /** How many attempts have failed in a row. */
  failures?: number | undefined
  id: string
  /** Milliseconds between two occurrences, counted from startAt or from now. It does not drift. */
  interval?: number | undefined
  /** Delays each occurrence's message by up to so many milliseconds, the same on all nodes. */
  jitter?: number | undefined
  /** once, cron or interval. */
  kind: "once" | "cron" | "interval"
  /** Why the last attempt to fire failed. It is tried again. */
  lastError?: string | undefined
  /** What the last run dispatched. */
  lastMessages: ScheduledMessage[]
  lastRunAt?: string | undefined
  /** Completes the schedule after so many. */
  maxRuns?: number | undefined
  /** What is dispatched. Required, except for a preview. */
  message?: Message | undefined
  /** What becomes of occurrences that could not fire in time: all, last or skip. Default: last. */
  missed?: "all" | "last" | "skip" | undefined
  /** For people. Unique. */
  name?: string | undefined
  /** The next occurrence. */
  nextRunAt?: string | undefined
  /** The next occurrences, where asked for. */
  nextRuns?: string[] | undefined
  /** Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one schedule has all. */
  omitted?: Omitted | undefined
  /** How it is dispatched; without scheduledAt and idempotencyKey, which belong to the schedule. */
  options?: DispatchOptions | undefined
  /** allow, or skip an occurrence while the message of the last one is unfinished. Default: allow. */
  overlap?: "allow" | "skip" | undefined
  /** Occurrences that were dispatched; runs by hand do not count. */
  runCount: number
  /** api, or config for those of the configuration file. */
  source: "api" | "config"
  /** No occurrence is before. */
  startAt?: string | undefined
  /** active, disabled or completed. */
  state: "active" | "disabled" | "completed"
  /** The time zone of cron, such as Europe/Berlin. Default: UTC. */
  timezone?: string | undefined
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
  updatedAt: string
}

export interface ScheduleChange {
  /** Once, at this time. In the past means now. */
  at?: string | null | undefined
  /** Five fields, six with seconds first, or @daily and the like. */
  cron?: string | null | undefined
  /** Default: true. */
  enabled?: boolean | null | undefined
  /** No occurrence is after. */
  endAt?: string | null | undefined
  /** Milliseconds between two occurrences, counted from startAt or from now. It does not drift. */
  interval?: number | null | undefined
  /** Delays each occurrence's message by up to so many milliseconds, the same on all nodes. */
  jitter?: number | null | undefined
  /** Completes the schedule after so many. */
  maxRuns?: number | null | undefined
  /** What is dispatched. Required, except for a preview. */
  message?: MessageChange | null | undefined
  /** What becomes of occurrences that could not fire in time: all, last or skip. Default: last. */
  missed?: "all" | "last" | "skip" | null | undefined
  /** For people. Unique. */
  name?: string | null | undefined
  /** How it is dispatched; without scheduledAt and idempotencyKey, which belong to the schedule. */
  options?: DispatchOptionsChange | null | undefined
  /** allow, or skip an occurrence while the message of the last one is unfinished. Default: allow. */
  overlap?: "allow" | "skip" | null | undefined
  /** No occurrence is before. */
  startAt?: string | null | undefined
  /** The time zone of cron, such as Europe/Berlin. Default: UTC. */
  timezone?: string | null | undefined
}

export interface ScheduleRequest {
  /** Once, at this time. In the past means now. */
  at?: string | undefined
  /** Five fields, six with seconds first, or @daily and the like. */
  cron?: string | undefined
  /** Default: true. */
  enabled?: boolean | undefined
  /** No occurrence is after. */
  endAt?: string | undefined
  /** Milliseconds between two occurrences, counted from startAt or from now. It does not drift. */
  interval?: number | undefined
  /** Delays each occurrence's message by up to so many milliseconds, the same on all nodes. */
  jitter?: number | undefined
  /** Completes the schedule after so many. */
  maxRuns?: number | undefined
  /** What is dispatched. Required, except for a preview. */
  message?: Message | undefined
  /** What becomes of occurrences that could not fire in time: all, last or skip. Default: last. */
  missed?: "all" | "last" | "skip" | undefined
  /** For people. Unique. */
  name?: string | undefined
  /** How it is dispatched; without scheduledAt and idempotencyKey, which belong to the schedule. */
  options?: DispatchOptions | undefined
  /** allow, or skip an occurrence while the message of the last one is unfinished. Default: allow. */
  overlap?: "allow" | "skip" | undefined
  /** No occurrence is before. */
  startAt?: string | undefined
  /** The time zone of cron, such as Europe/Berlin. Default: UTC. */
  timezone?: string | undefined
}

export interface ScheduleResponse {
  schedule: Schedule
  success: true
}

export interface ScheduleRun {
  error?: string | undefined
  firedAt: string
  /** By hand. */
  manual?: boolean | undefined
  messages: ScheduledMessage[]
  /** When it was meant to be. */
  occurrence: string
  /** fired, skipped (by hand), skipped_overlap, skipped_missed or failed. */
  outcome: "fired" | "skipped" | "skipped_overlap" | "skipped_missed" | "failed"
  seq: number
  /** The newest occurrence that the entry stands for, where several were skipped together. */
  through: string
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
}

export interface ScheduleRunResponse {
  run: ScheduleRun
  success: true
}

export interface ScheduleRunsResponse {
  hasMore: boolean
  /** Pass as cursor to read on. */
  nextCursor?: string | undefined
  runs: ScheduleRun[]
  success: true
}

export interface ScheduledMessage {
  id: string
  transport: string
}

export interface SchedulerResponse {
  /** Schedules that could not fire; they are tried again. */
  failed: number
  /** Occurrences that were dispatched. */
  fired: number
  /** Something is due still: call again. */
  more: boolean
  /** When something will be due next. */
  nextRunAt?: string | undefined
  skipped: number
  success: true
}

export interface SchedulesResponse {
  hasMore: boolean
  /** Pass as cursor to read on. */
  nextCursor?: string | undefined
  schedules: Schedule[]
  success: true
}

export interface SearchResponse {
  /** Failed: its id in the dead letter queue. */
  failedId?: string | undefined
  messageId: string
  queue: string
  status: "pending" | "processing" | "completed" | "failed" | "cancelled"
  success: true
  transport: string
  type: string
}

export interface ServerLink {
  name: string
  url: string
}

export interface SessionResponse {
  caller: Caller
  environment: Environment
  /** When it ends unless it is used. Absent: never. */
  expiresAt?: string | undefined
  /** The caller sees its own messages only. */
  ownMessages: boolean
  /** The key is bound to these queues, with the scopes dispatch and consume. Absent: all. */
  queues?: string[] | undefined
  /** The session only reads. */
  readOnly: boolean
  /** What the caller may do; admin stands for all. */
  scopes: string[]
  /** Dashboards of other installations. */
  servers: ServerLink[]
  /** The caller comes by a session. */
  session: boolean
  storage: "sqlite" | "postgres" | "memory" | "none"
  success: true
  /** The server's, as the IANA names it. */
  timezone: string
  /** Where a trace is shown: has {traceId} in it. */
  traceUrl?: string | undefined
  /** The key is bound to messages of these types, or patterns of types (order.*), with the scope dispatch alone. Absent: all. */
  types?: string[] | undefined
  version: string
}

export interface Setting {
  key: string
  /** file:line:column, a variable, a flag, or default. */
  source: string
  /** Masked where it is secret. */
  value: unknown
}

export interface SignInWaysResponse {
  /** By POST /api/symphony/session. */
  apiKey: boolean
  environment: Environment
  /** By POST /api/symphony/session/magic-link. */
  magicLink: boolean
  /** By POST /api/symphony/session/password. */
  password: boolean
  /** By OAuth. */
  providers: string[]
  success: true
}

export interface SkipRequest {
  /** That is meant. Default: the next one. */
  occurrence?: string | undefined
}

export interface Stats {
  /** Milliseconds. */
  averageProcessingTime: number
  currentQueueDepth: number
  /** Messages that were cancelled while they were in hand; they are not among the processed. */
  totalCancelled: number
  /** Attempts whose handler failed, retried or not. */
  totalFailed: number
  totalProcessed: number
  totalSucceeded: number
}

export interface StatusResponse {
  /** Handlers of this node that are not called because they keep failing; left out where there are none. */
  breakers?: Breaker[] | undefined
  failedMessages: number
  /** What is paused or draining; left out where nothing is. */
  holds?: Hold[] | undefined
  /** The processes that share the storage and are alive; left out where it belongs to one process. */
  nodes?: Node[] | undefined
  /** How long the oldest ready message has been ready, in milliseconds. */
  oldestPendingAge: number
  queue: Counts
  queues: Record<string, Queue>
  /** Pending with a scheduledAt still ahead. */
  scheduledMessages: number
  /** What the storage of this transport, and of others on it, uses bytes for; left out where that is not known, or not yet. */
  storage?: StorageBytes | undefined
  success: true
  timestamp: string
  transport: string
  /** The names of all transports, as configured. */
  transports: string[]
  /** The continuous workers of this transport, on all nodes, as of their last heartbeats; left out where that is not known. */
  workers?: WorkerCounts | undefined
}

export interface StorageBytes {
  /** Whether kinds, but for log and free, are estimates from samples. */
  approximate: boolean
  /** When it was looked at. */
  at: string
  /** Bytes by what they are used for, with indexes: waiting (messages that wait or are in hand), completed, failed, cancelled, attempts (with logs), outputs, schedules, events (with the audit trail), log, other and free. What is not known is left out: on PostgreSQL outputs are in completed, and free is in all of them. */
  kinds: Record<string, number>
  /** With indexes and logs. */
  total: number
}

export interface StoredMessage {
  /** How often it was handed to a worker. */
  attempt: number
  /** Pending: when it is ready, or has been since. */
  availableAt?: string | undefined
  /** Cancelled, or processing and to be cancelled: who wanted that, when and why. */
  cancel?: Cancel | undefined
  /** The id of the message whose handling dispatched this one. */
  causationId?: string | undefined
  concurrencyKey?: string | undefined
  /** Shared by the messages of one story: the id of the first. */
  correlationId: string
  /** When it was dispatched. */
  createdAt: string
  /** Who had it dispatched: user: and the subject of a Supabase user, or api_key: and the id of an API key where auth.visibility is own. */
  dispatchedBy?: string | undefined
  /** Failed: why. */
  error?: string | undefined
  errorClass?: string | undefined
  expiresAt?: string | undefined
  /** Failed: its id in the dead letter queue. */
  failedId?: string | undefined
  /** When it was completed, was cancelled or failed for good. */
  finishedAt?: string | undefined
  groupKey?: string | undefined
  headers: Record<string, unknown>
  id: string
  idempotencyKey?: string | undefined
  /** Processing: when its lease ends. */
  leasedUntil?: string | undefined
  /** Something of it is hidden from the caller: by the scope observe, or by types.X.redact. */
  masked?: boolean | undefined
  /** Retries that it was dispatched with; of a failed message those that were allowed. */
  maxRetries?: number | undefined
  message: Message
  /** Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one message has all. */
  omitted?: Omitted | undefined
  onFailure?: Callback | undefined
  onSuccess?: Callback | undefined
  ordered?: boolean | undefined
  /** What its handler left. */
  output?: unknown | undefined
  /** too_large or invalid_json. */
  outputError?: string | undefined
  priority: number
  queue: string
  /** Milliseconds for which it is kept once it is completed or cancelled. */
  retention?: number | undefined
  /** Milliseconds before a retry: one number, or a list. */
  retryDelay?: number | number[] | undefined
  retryOf?: RetryOf | undefined
  /** When its dispatch wanted it delivered, if not at once. */
  scheduledAt?: string | undefined
  /** Processing, and cancelled where a worker had it: when its worker got it. Completed: when its last attempt began. */
  startedAt?: string | undefined
  /** pending, processing, completed, failed or cancelled. */
  status: "pending" | "processing" | "completed" | "failed" | "cancelled"
  tags?: string[] | undefined
  /** Milliseconds that an attempt may take. */
  timeout?: number | undefined
  transport: string
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
  /** Where it is pushed to. */
  url?: string | undefined
  /** That has it in hand, completed it, or had it when it was cancelled. */
  worker?: string | undefined
}

export interface TimelineEntry {
  at: string
  /** Of which attempt this is. */
  attempt?: number | undefined
  error?: string | undefined
  errorClass?: string | undefined
  /** dispatched, scheduled, started, failed, retry, completed, dead, cancel_requested or cancelled. */
  kind: "dispatched" | "scheduled" | "started" | "failed" | "retry" | "completed" | "dead" | "cancel_requested" | "cancelled"
  worker?: string | undefined
}

export interface TokenRequest {
  /** Seconds. Default: 3600. */
  ttl?: number | undefined
}

export interface TokenResponse {
  expiresAt: string
  success: true
  /** smt_…: for who may see this message alone. */
  token: string
}

export interface Totals {
  /** Messages that were cancelled; they are no attempts. */
  cancelled: number
  /** Attempts that failed for good. */
  dead: number
  /** Messages that were stored; duplicates and what was dropped are none. */
  dispatched: number
  /** Attempts that failed: retried and dead. */
  failed: number
  /** Attempts that ended: succeeded and failed. */
  processed: number
  /** Deliveries that were given back; they are no attempts. */
  released: number
  /** Attempts that failed with another to come. */
  retried: number
  succeeded: number
}

export interface TypeHandler {
  /** Those that are not called as they keep failing. */
  breakers?: Breaker[] | undefined
  /** Of its handlers, in the order in which they run. */
  names: string[]
  pattern: string
  /** api where it is set at run time. */
  source?: "api" | undefined
}

export interface TypeInfo {
  /** Of the last hour, where anything is counted. */
  figures?: Figures | undefined
  /** Dispatched or handled, to the minute. */
  firstSeen?: string | undefined
  /** What handles it on this node. */
  handler?: TypeHandler | undefined
  /** Of types that match it, and of transports. */
  holds: PlacedHold[]
  /** May be up to an hour early. */
  lastSeen?: string | undefined
  /** Of types, as far as they apply to it. */
  limits: Limit[]
  /** It was seen in others, too. */
  moreQueues?: boolean | undefined
  /** With counts=true: messages that wait. */
  pending?: number | undefined
  /** With counts=true: messages in hand. */
  processing?: number | undefined
  /** Where it was seen, as far as that is known. */
  queues?: TypeQueue[] | undefined
  /** As far as messages have none of their own. */
  retries: TypeRetry[]
  /** The pattern in schemas that checks its payloads. */
  schema?: string | undefined
  /** Attempts of that hour, by five minutes. */
  series?: number[] | undefined
  /** Where it was seen. */
  transports: string[]
  /** Or a pattern, where something is set for it. */
  type: string
}

export interface TypeQueue {
  queue: string
  transport: string
}

export interface TypeRetry {
  /** Milliseconds before each retry, at most 100. */
  delays: number[]
  /** The share by which each is varied both ways. */
  jitter: number
  /** Attempts after the first. */
  maxRetries: number
  /** Where this holds. */
  transports: string[]
}

export interface TypesResponse {
  pagination: NamePages
  /** More may wait: each pending is the least. */
  pendingAtLeast?: boolean | undefined
  /** The same of those in hand. */
  processingAtLeast?: boolean | undefined
  /** JSON Schemas of these types, by pattern. */
  schemas: Record<string, unknown>
  success: true
  /** In the order of their names. */
  types: TypeInfo[]
}

export interface WaitReason {
  /** Who has paused it, the limit, or the handler. */
  by?: string | undefined
  /** Its place in line, 1 for the next one. */
  position?: number | undefined
  reason: "worker" | "no_worker" | "breaker" | "scheduled" | "retry" | "hold" | "limit" | "rate" | "group" | "order"
  /** One sentence for people. */
  text: string
  /** When it can go on at the earliest, if that is known. */
  until?: string | undefined
}

export interface Waiting {
  average: number
  max: number
  p50: number
  p95: number
  p99: number
}

export interface WholeMessage {
  /** How often it was handed to a worker. */
  attempt: number
  /** Those that did not succeed, oldest first. */
  attempts: Attempt[]
  /** Pending: when it is ready, or has been since. */
  availableAt?: string | undefined
  /** Cancelled, or processing and to be cancelled: who wanted that, when and why. */
  cancel?: Cancel | undefined
  /** The id of the message whose handling dispatched this one. */
  causationId?: string | undefined
  concurrencyKey?: string | undefined
  /** Shared by the messages of one story: the id of the first. */
  correlationId: string
  /** When it was dispatched. */
  createdAt: string
  /** Who had it dispatched: user: and the subject of a Supabase user, or api_key: and the id of an API key where auth.visibility is own. */
  dispatchedBy?: string | undefined
  /** Failed: why. */
  error?: string | undefined
  errorClass?: string | undefined
  expiresAt?: string | undefined
  /** Failed: its id in the dead letter queue. */
  failedId?: string | undefined
  /** When it was completed, was cancelled or failed for good. */
  finishedAt?: string | undefined
  groupKey?: string | undefined
  headers: Record<string, unknown>
  id: string
  idempotencyKey?: string | undefined
  /** Processing: when its lease ends. */
  leasedUntil?: string | undefined
  /** Last lines of the attempt under way, or kept. */
  log?: string[] | undefined
  /** Something of it is hidden from the caller: by the scope observe, or by types.X.redact. */
  masked?: boolean | undefined
  /** Retries that it was dispatched with; of a failed message those that were allowed. */
  maxRetries?: number | undefined
  message: Message
  /** Only in lists: what is left out of this row, because those before it have used up the bytes of the page. The route of the one message has all. */
  omitted?: Omitted | undefined
  onFailure?: Callback | undefined
  onSuccess?: Callback | undefined
  ordered?: boolean | undefined
  /** What its handler left. */
  output?: unknown | undefined
  /** too_large or invalid_json. */
  outputError?: string | undefined
  priority: number
  /** What its latest attempt has told. */
  progress?: Progress | undefined
  queue: string
  /** Milliseconds for which it is kept once it is completed or cancelled. */
  retention?: number | undefined
  /** Milliseconds before a retry: one number, or a list. */
  retryDelay?: number | number[] | undefined
  retryOf?: RetryOf | undefined
  /** When its dispatch wanted it delivered, if not at once. */
  scheduledAt?: string | undefined
  /** Processing, and cancelled where a worker had it: when its worker got it. Completed: when its last attempt began. */
  startedAt?: string | undefined
  /** pending, processing, completed, failed or cancelled. */
  status: "pending" | "processing" | "completed" | "failed" | "cancelled"
  tags?: string[] | undefined
  /** What happened, and will, in its order. */
  timeline: TimelineEntry[]
  /** Milliseconds that an attempt may take. */
  timeout?: number | undefined
  transport: string
  /** Part of it cannot be shown, and is left out: an older release has stored it, or storage was damaged. It can be deleted by its id. */
  unreadable?: boolean | undefined
  /** Where it is pushed to. */
  url?: string | undefined
  /** Pending: why it waits. */
  waiting?: WaitReason | undefined
  /** That has it in hand, completed it, or had it when it was cancelled. */
  worker?: string | undefined
}

export interface WorkerCounts {
  running: number
  /** Ended by POST /api/symphony/workers/stop, in servers that still run: POST /api/symphony/workers/start brings them back. */
  stopped: number
}

export interface WorkerOutage {
  /** receive, settle or extend. */
  call: "receive" | "settle" | "extend"
  error: string
  since: string
}

export interface WorkersResponse {
  /** More messages are in work than were looked at for others. */
  more?: boolean | undefined
  /** The processes that share the storage, with their continuous workers, as of their last heartbeats. */
  nodes: Node[]
  /** Who else has messages: pull workers, runs of consume and cron, and workers that died, by transport and worker. */
  others: OtherLease[]
  success: true
  timestamp: string
}

/** Every route that answers JSON, by its method and path. */
export interface Routes {
  /** Fire the schedules that are due */
  "GET /api/cron/symphony-scheduler": { answer: SchedulerResponse }
  /** Fire the schedules that are due */
  "POST /api/cron/symphony-scheduler": { answer: SchedulerResponse }
  /** Run the worker with the server's settings */
  "GET /api/cron/symphony-worker": { answer: CronResponse }
  /** Run the worker with the server's settings */
  "POST /api/cron/symphony-worker": { answer: CronResponse }
  /** Complete messages that were handled */
  "POST /api/symphony/ack": { body: AckRequest; answer: ReceiptsResponse }
  /** Show how every rule stands */
  "GET /api/symphony/alerts": { answer: AlertsResponse }
  /** Send a test notification to every webhook */
  "POST /api/symphony/alerts/test": { answer: AlertTestResponse }
  /** Who did what, newest first */
  "GET /api/symphony/audit": { query: { action?: string | undefined; who?: string | undefined; target?: string | undefined; since?: string | undefined; until?: string | undefined; limit?: number | undefined; cursor?: string | undefined }; answer: AuditResponse }
  /** Show the settings in force, with where each comes from */
  "GET /api/symphony/config": { answer: ConfigResponse }
  /** Run a worker for this request */
  "POST /api/symphony/consume": { body?: ConsumeRequest; answer: ConsumeResponse }
  /** Dispatch a message */
  "POST /api/symphony/dispatch": { body: DispatchRequest; answer: DispatchResponse }
  /** Dispatch up to 1000 messages, all or nothing */
  "POST /api/symphony/dispatch/batch": { body: BatchRequest; answer: BatchResponse }
  /** Accept no messages */
  "POST /api/symphony/drain": { body?: HoldRequest; answer: HoldsResponse }
  /** Keep messages for longer */
  "POST /api/symphony/extend": { body: ExtendRequest; answer: ReceiptsResponse }
  /** List failed messages, newest failure first */
  "GET /api/symphony/failed": { query: { transport?: string | undefined; queue?: string | undefined; type?: string | undefined; priority?: number | undefined; q?: string | undefined; since?: string | undefined; until?: string | undefined; endedSince?: string | undefined; endedUntil?: string | undefined; tag?: string | readonly (string)[] | undefined; idempotencyKey?: string | undefined; correlationId?: string | undefined; causationId?: string | undefined; groupKey?: string | undefined; concurrencyKey?: string | undefined; errorClass?: string | undefined; failureGroup?: string | undefined; dispatchedBy?: string | undefined; worker?: string | undefined; metadata?: Record<string, string> | undefined; limit?: number | undefined; offset?: number | undefined; cursor?: string | undefined }; answer: FailedListResponse }
  /** Delete many failed messages */
  "POST /api/symphony/failed/delete": { body: BulkRequest; answer: BulkResponse | OperationResponse }
  /** List what failed by kinds of failure */
  "GET /api/symphony/failed/groups": { query: { transport?: string | undefined; queue?: string | undefined; type?: string | undefined; priority?: number | undefined; q?: string | undefined; since?: string | undefined; until?: string | undefined; endedSince?: string | undefined; endedUntil?: string | undefined; errorClass?: string | undefined; failureGroup?: string | undefined; dispatchedBy?: string | undefined; state?: "open" | "ignored" | "resolved" | "regressed" | undefined; left?: boolean | undefined; limit?: number | undefined; cursor?: string | undefined }; answer: FailureGroupsResponse }
  /** Delete the failed messages of a group */
  "POST /api/symphony/failed/groups/{id}/delete": { path: { id: string }; query: { transport?: string | undefined }; body?: GroupDeleteRequest; answer: PreviewCountResponse | OperationResponse }
  /** Ignore a group of failures */
  "POST /api/symphony/failed/groups/{id}/ignore": { path: { id: string }; query: { transport?: string | undefined }; body?: GroupIgnoreRequest; answer: FailureGroupResponse }
  /** Say that the cause of a group of failures is removed */
  "POST /api/symphony/failed/groups/{id}/resolve": { path: { id: string }; query: { transport?: string | undefined }; body?: GroupResolveRequest; answer: FailureGroupResponse }
  /** Dispatch the failed messages of a group again */
  "POST /api/symphony/failed/groups/{id}/retry": { path: { id: string }; query: { transport?: string | undefined }; body?: GroupRetryRequest; answer: GroupPreviewResponse | OperationResponse }
  /** Dispatch many failed messages again */
  "POST /api/symphony/failed/retry": { body: BulkRequest; answer: BulkResponse | OperationResponse }
  /** Show a failed message */
  "GET /api/symphony/failed/{id}": { path: { id: string }; query: { transport?: string | undefined; unmask?: boolean | undefined }; answer: FailedResponse }
  /** Delete a failed message */
  "DELETE /api/symphony/failed/{id}": { path: { id: string }; query: { transport?: string | undefined }; answer: DoneResponse }
  /** Dispatch a failed message again */
  "POST /api/symphony/failed/{id}/retry": { path: { id: string }; query: { transport?: string | undefined }; body?: RetryRequest; answer: RetryResponse }
  /** List the handlers: configured ones, and those that are set */
  "GET /api/symphony/handlers": { answer: HandlersResponse }
  /** Show the handler of a pattern */
  "GET /api/symphony/handlers/{id}": { path: { id: string }; query: { queue?: string | undefined }; answer: HandlerResponse }
  /** Have the messages of a pattern of types pushed to a URL */
  "PUT /api/symphony/handlers/{id}": { path: { id: string }; query: { queue?: string | undefined }; body: HandlerRequest; answer: HandlerResponse }
  /** Delete a handler that was set */
  "DELETE /api/symphony/handlers/{id}": { path: { id: string }; query: { queue?: string | undefined }; answer: DoneResponse }
  /** Have the newer secret of a handler sign alone */
  "POST /api/symphony/handlers/{id}/retire": { path: { id: string }; query: { queue?: string | undefined }; answer: HandlerResponse }
  /** Make the next secret of a handler */
  "POST /api/symphony/handlers/{id}/rotate": { path: { id: string }; query: { queue?: string | undefined }; body?: HandlerSecretRequest; answer: HandlerResponse }
  /** Tell whether work flows */
  "GET /api/symphony/health": { answer: HealthReport }
  /** List what is paused or draining */
  "GET /api/symphony/holds": { query: { transport?: string | undefined }; answer: HoldsResponse }
  /** List API keys */
  "GET /api/symphony/keys": { answer: KeysResponse }
  /** Make an API key */
  "POST /api/symphony/keys": { body: CreateKeyRequest; answer: CreateKeyResponse }
  /** Revoke an API key */
  "DELETE /api/symphony/keys/{id}": { path: { id: string }; answer: DoneResponse }
  /** List the limits that are configured and set, with their use */
  "GET /api/symphony/limits": { query: { transport?: string | undefined }; answer: LimitsResponse }
  /** Set the limit of the messages with a concurrency key */
  "PUT /api/symphony/limits/key/{id}": { path: { id: string }; query: { transport?: string | undefined; type?: string | undefined }; body: LimitRequest; answer: LimitsResponse }
  /** Go back to the configured limit of the messages with a concurrency key */
  "DELETE /api/symphony/limits/key/{id}": { path: { id: string }; query: { transport?: string | undefined; type?: string | undefined }; answer: LimitsResponse }
  /** Set the limit of a queue */
  "PUT /api/symphony/limits/queue/{transport}/{id}": { path: { transport: string; id: string }; body: LimitRequest; answer: LimitsResponse }
  /** Go back to the configured limit of a queue */
  "DELETE /api/symphony/limits/queue/{transport}/{id}": { path: { transport: string; id: string }; answer: LimitsResponse }
  /** Set the limit of the messages of some types */
  "PUT /api/symphony/limits/type/{id}": { path: { id: string }; query: { transport?: string | undefined }; body: LimitRequest; answer: LimitsResponse }
  /** Go back to the configured limit of the messages of some types */
  "DELETE /api/symphony/limits/type/{id}": { path: { id: string }; query: { transport?: string | undefined }; answer: LimitsResponse }
  /** Search messages */
  "GET /api/symphony/messages": { query: { transport?: string | undefined; status?: "pending" | "processing" | "completed" | "failed" | "cancelled" | readonly ("pending" | "processing" | "completed" | "failed" | "cancelled")[] | undefined; queue?: string | undefined; type?: string | undefined; priority?: number | undefined; q?: string | undefined; since?: string | undefined; until?: string | undefined; endedSince?: string | undefined; endedUntil?: string | undefined; tag?: string | readonly (string)[] | undefined; idempotencyKey?: string | undefined; correlationId?: string | undefined; causationId?: string | undefined; groupKey?: string | undefined; concurrencyKey?: string | undefined; errorClass?: string | undefined; failureGroup?: string | undefined; dispatchedBy?: string | undefined; worker?: string | undefined; metadata?: Record<string, string> | undefined; sort?: "createdAt" | "-createdAt" | undefined; limit?: number | undefined; cursor?: string | undefined }; answer: MessagesResponse }
  /** Cancel many messages */
  "POST /api/symphony/messages/cancel": { body: CancelManyRequest; answer: PreviewCountResponse | OperationResponse }
  /** Count messages by status */
  "GET /api/symphony/messages/counts": { query: { transport?: string | undefined; status?: "pending" | "processing" | "completed" | "failed" | "cancelled" | readonly ("pending" | "processing" | "completed" | "failed" | "cancelled")[] | undefined; queue?: string | undefined; type?: string | undefined; priority?: number | undefined; q?: string | undefined; since?: string | undefined; until?: string | undefined; endedSince?: string | undefined; endedUntil?: string | undefined; tag?: string | readonly (string)[] | undefined; idempotencyKey?: string | undefined; correlationId?: string | undefined; causationId?: string | undefined; groupKey?: string | undefined; concurrencyKey?: string | undefined; errorClass?: string | undefined; failureGroup?: string | undefined; dispatchedBy?: string | undefined; worker?: string | undefined; metadata?: Record<string, string> | undefined; exact?: boolean | undefined }; answer: CountsResponse }
  /** Delete many pending messages */
  "POST /api/symphony/messages/delete": { body: DeleteManyRequest; answer: PreviewCountResponse | OperationResponse }
  /** Change many pending messages */
  "POST /api/symphony/messages/edit": { body: EditManyRequest; answer: PreviewCountResponse | OperationResponse }
  /** Import what was exported */
  "POST /api/symphony/messages/import": { query: { transport?: string | undefined; status?: string | undefined; dryRun?: boolean | undefined }; answer: ImportResponse }
  /** Dispatch many completed messages again */
  "POST /api/symphony/messages/replay": { body: ReplayManyRequest; answer: PreviewCountResponse | OperationResponse }
  /** Show a message with its attempts and timeline */
  "GET /api/symphony/messages/{id}": { path: { id: string }; query: { transport?: string | undefined; unmask?: boolean | undefined; wait?: number | undefined }; answer: MessageResponse }
  /** Change a pending message */
  "PATCH /api/symphony/messages/{id}": { path: { id: string }; query: { transport?: string | undefined }; body: MessageEdit; answer: MessageResponse }
  /** Delete a pending message */
  "DELETE /api/symphony/messages/{id}": { path: { id: string }; query: { transport?: string | undefined }; answer: DoneResponse }
  /** Cancel a message, wherever it is */
  "POST /api/symphony/messages/{id}/cancel": { path: { id: string }; query: { transport?: string | undefined }; body?: CancelRequest; answer: CancelResponse }
  /** Show the message of a token */
  "GET /api/symphony/messages/{id}/public": { path: { id: string }; answer: PublicResponse }
  /** Dispatch a completed message again */
  "POST /api/symphony/messages/{id}/replay": { path: { id: string }; query: { transport?: string | undefined }; body?: ReplayRequest; answer: ReplayResponse }
  /** Drop the delay of a pending message */
  "POST /api/symphony/messages/{id}/run-now": { path: { id: string }; query: { transport?: string | undefined }; answer: DoneResponse }
  /** Make a token that shows one message to an end user */
  "POST /api/symphony/messages/{id}/token": { path: { id: string }; body?: TokenRequest; answer: TokenResponse }
  /** Count messages and attempts over time, and how long they took */
  "GET /api/symphony/metrics": { query: { minutes?: number | undefined; startTime?: string | undefined; endTime?: string | undefined; step?: number | undefined; transport?: string | undefined; type?: string | undefined; queue?: string | undefined; worker?: string | undefined; groupBy?: "type" | "queue" | "worker" | "status" | undefined; groups?: number | undefined }; answer: MetricsResponse }
  /** Report a failure, or give a message back */
  "POST /api/symphony/nack": { body: NackRequest; answer: NackResponse }
  /** List the processes that share the storage */
  "GET /api/symphony/nodes": { answer: NodesResponse }
  /** Start the workers of one process that were stopped by request */
  "POST /api/symphony/nodes/{id}/workers/start": { path: { id: string }; answer: DoneResponse }
  /** Stop the workers of one process */
  "POST /api/symphony/nodes/{id}/workers/stop": { path: { id: string }; answer: DoneResponse }
  /** List work in the background, newest first */
  "GET /api/symphony/operations": { query: { state?: "running" | "stopped" | "completed" | "failed" | undefined; limit?: number | undefined; cursor?: string | undefined }; answer: OperationsResponse }
  /** Show the progress of an operation */
  "GET /api/symphony/operations/{id}": { path: { id: string }; answer: OperationResponse }
  /** Go on with an operation that was stopped or has failed */
  "POST /api/symphony/operations/{id}/resume": { path: { id: string }; answer: OperationResponse }
  /** Stop an operation */
  "POST /api/symphony/operations/{id}/stop": { path: { id: string }; answer: OperationResponse }
  /** Hand no messages to workers */
  "POST /api/symphony/pause": { body?: HoldRequest; answer: HoldsResponse }
  /** Delete waiting messages */
  "POST /api/symphony/purge": { body: PurgeRequest; answer: PurgeResponse }
  /** List the queues, with what they have, what stops them and what limits them */
  "GET /api/symphony/queues": { query: { transport?: string | undefined; limit?: number | undefined; cursor?: string | undefined }; answer: QueuesResponse }
  /** Claim messages */
  "POST /api/symphony/receive": { body?: ReceiveRequest; answer: ReceiveResponse }
  /** End a pause or a drain */
  "POST /api/symphony/resume": { body?: HoldTarget; answer: HoldsResponse }
  /** Tell how many workers a queue needs */
  "GET /api/symphony/scale": { query: { transport?: string | undefined; queue?: string | undefined; concurrency?: number | undefined; drain?: number | undefined }; answer: ScaleResponse }
  /** List schedules, newest first */
  "GET /api/symphony/schedules": { query: { name?: string | undefined; type?: string | undefined; state?: "active" | "disabled" | "completed" | undefined; source?: "api" | "config" | undefined; next?: number | undefined; limit?: number | undefined; cursor?: string | undefined }; answer: SchedulesResponse }
  /** Make a schedule */
  "POST /api/symphony/schedules": { body: ScheduleRequest; answer: ScheduleResponse }
  /** Tell when a schedule would fire */
  "POST /api/symphony/schedules/preview": { body: PreviewRequest; answer: PreviewResponse }
  /** Show a schedule */
  "GET /api/symphony/schedules/{id}": { path: { id: string }; query: { next?: number | undefined }; answer: ScheduleResponse }
  /** Change a schedule */
  "PATCH /api/symphony/schedules/{id}": { path: { id: string }; body: ScheduleChange; answer: ScheduleResponse }
  /** Delete a schedule with its history */
  "DELETE /api/symphony/schedules/{id}": { path: { id: string }; answer: DoneResponse }
  /** Switch a schedule off */
  "POST /api/symphony/schedules/{id}/disable": { path: { id: string }; answer: ScheduleResponse }
  /** Switch a schedule on */
  "POST /api/symphony/schedules/{id}/enable": { path: { id: string }; answer: ScheduleResponse }
  /** Dispatch its message now */
  "POST /api/symphony/schedules/{id}/run": { path: { id: string }; answer: ScheduleRunResponse }
  /** The history of a schedule, newest first */
  "GET /api/symphony/schedules/{id}/runs": { path: { id: string }; query: { limit?: number | undefined; cursor?: string | undefined }; answer: ScheduleRunsResponse }
  /** Leave its next occurrence out */
  "POST /api/symphony/schedules/{id}/skip": { path: { id: string }; body?: SkipRequest; answer: ScheduleResponse }
  /** Find a message by its id, or by its id in the dead letter queue */
  "GET /api/symphony/search": { query: { id?: string | undefined }; answer: SearchResponse }
  /** Who am I, and where */
  "GET /api/symphony/session": { answer: SessionResponse }
  /** Begin a session of this caller */
  "POST /api/symphony/session": { answer: SessionResponse }
  /** End the session */
  "DELETE /api/symphony/session": { answer: DoneResponse }
  /** Make a link that signs in a browser on the server's machine */
  "POST /api/symphony/session/code": { answer: LoginCodeResponse }
  /** Have the Supabase project send a user a link that signs in */
  "POST /api/symphony/session/magic-link": { body: MagicLinkRequest; answer: DoneResponse }
  /** Begin a session of a user of the Supabase project, by password */
  "POST /api/symphony/session/password": { body: PasswordRequest; answer: SessionResponse }
  /** How can a person sign in */
  "GET /api/symphony/session/ways": { answer: SignInWaysResponse }
  /** Count messages */
  "GET /api/symphony/status": { query: { transport?: string | undefined }; answer: StatusResponse }
  /** List the types of messages, with their handlers, schemas, holds, limits and figures */
  "GET /api/symphony/types": { query: { transport?: string | undefined; type?: string | undefined; counts?: boolean | undefined; limit?: number | undefined; cursor?: string | undefined }; answer: TypesResponse }
  /** Show the workers and what they have in hand */
  "GET /api/symphony/workers": { answer: WorkersResponse }
  /** Start workers that were stopped by request */
  "POST /api/symphony/workers/start": { answer: DoneResponse }
  /** Stop all workers */
  "POST /api/symphony/workers/stop": { answer: DoneResponse }
  /** Is the process alive */
  "GET /healthz": { answer: HealthResponse }
  /** Should the process get requests */
  "GET /readyz": { answer: HealthResponse }
}
