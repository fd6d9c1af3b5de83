/**
 * The client of Symphony Messenger, a durable message queue: dispatch messages, handle them in a route (`serve`) or in a
 * process of their own (`pull`), follow, cancel and mend them. docs/typescript.md is its guide.
 *
 * @packageDocumentation
 */
export type * from './api.gen.js'
export {
  createClient, type Abortable, type AnyInput, type BatchItem, type ClientOptions, type Edit, type FailedMessage, type FailedQuery,
  type InTransport, type MessageId, type MessageQuery, type MetadataQuery, type Method, type PayloadOf, type Receipt, type RoutePath,
  type StoredMessage, type Symphony,
} from './client.js'
export type { Codec } from './codec.js'
export { cron, type CronOptions, type CronResult } from './cron.js'
export { type Duration, parseDuration } from './duration.js'
export * from './errors.js'
export {
  permanent, retryAfter, PermanentError, RetryAfterError, type Context, type Handler, type Handlers, type HandlingOptions,
  type Message, type MessageOf,
} from './handling.js'
export type { ConnectionOptions } from './http.js'
export { RawJson } from './json.js'
export type { DispatchOptions, Time } from './options.js'
export { proxy, proxyRoutes, type ProxyHandlers, type ProxyOptions, type ProxyRoute } from './proxy.js'
export { pull, type PullOptions } from './pull.js'
export {
  defineMessages, type, type AnyMessages, type Definition, type Definitions, type Input, type Json, type Output, type Payload,
  type Plain, type SchemaIssue, type SchemaResult, type StandardSchema, type TypeName,
} from './schema.js'
export { serve, type Route, type ServeOptions } from './serve.js'
export { sign, verify, type SignedHeaders, type VerifyOptions } from './signature.js'
