import { type Problem, ValidationError } from './errors.js'

/**
 * What zod, valibot, arktype and others are: a schema of version 1 of the Standard Schema convention
 * (https://standardschema.dev). Only these members are used.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** What a schema makes of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: ReadonlyArray<SchemaIssue> }

/** What a schema finds wrong. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined
}

// biome-ignore lint: the types of schemas are what is asked for, so any of them must fit.
type AnySchema = StandardSchema<any, any>

/** A type of messages: a schema of its payload, or one of its payload and one of what its handler returns. */
export type Definition = AnySchema | { readonly payload: AnySchema; readonly output: AnySchema }

/** Types of messages by their names. */
export type Definitions = { readonly [type: string]: Definition }

declare const plain: unique symbol

/** Types of messages that were declared without schemas. Nothing is checked at run time. */
export type Plain<P> = { readonly [K in keyof P]: StandardSchema<P[K], P[K]> } & { readonly [plain]?: true }

/** Messages of any type, for clients that declare none. */
// biome-ignore lint: without a declaration nothing is known about payloads.
export type AnyMessages = { readonly [type: string]: StandardSchema<any, any> }

type PayloadSchema<D> = D extends { readonly payload: infer P; readonly output: AnySchema } ? P : D

/** What `dispatch` takes as the payload of a type: what its schema takes. */
export type Input<M, K extends keyof M> =
  PayloadSchema<M[K]> extends StandardSchema<infer I, unknown> ? I : Record<string, unknown>

/** What handlers get as the payload of a type: what its schema makes of it, after it went through JSON. */
export type Payload<M, K extends keyof M> = Json<
  PayloadSchema<M[K]> extends StandardSchema<infer _, infer O> ? O : Record<string, unknown>
>

/** What a handler of a type returns, if its declaration says so. */
export type Output<M, K extends keyof M> = M[K] extends {
  readonly payload: AnySchema
  readonly output: StandardSchema<infer _, infer O>
}
  ? O
  : unknown

/** The names of the types. */
export type TypeName<M> = Extract<keyof M, string>

/** A value as it is after `JSON.parse(JSON.stringify(value))`: dates are texts, functions are gone. */
export type Json<T> = 0 extends 1 & T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends { toJSON(): infer R }
      ? Json<R>
      : T extends bigint | symbol | ((...args: never) => unknown)
        ? never
        : T extends object
          ? { [K in keyof T]: Json<T[K]> }
          : T

/**
 * Declares the types of messages of an application, once, for those that dispatch and for those that handle.
 *
 * ```ts
 * const messages = defineMessages({
 *   "order.paid": z.object({ order: z.number() }),
 *   "report.made": { payload: z.object({ month: z.string() }), output: z.object({ rows: z.number() }) },
 * })
 * const plain = defineMessages<{ "order.paid": { order: number } }>() // types alone, nothing is checked at run time
 * ```
 */
export function defineMessages<const D extends Definitions>(definitions: D): D
export function defineMessages<P extends Record<keyof P, object>>(): Plain<P>
export function defineMessages(definitions?: Definitions): unknown {
  return definitions ?? unchecked
}

const unchecked: Definitions = {}

/** A schema that says a type and checks nothing, to be used among others in `defineMessages`. */
export function type<T extends object>(): StandardSchema<T, T> {
  return { '~standard': { version: 1, vendor: 'symphony', validate: (value) => ({ value: value as T }) } }
}

/** The names of all types, undefined where they are not known at run time. */
export function typesOf(messages: Definitions | undefined): string[] | undefined {
  return messages === undefined || messages === unchecked ? undefined : Object.keys(messages)
}

/**
 * What a schema makes of a payload.
 *
 * @throws {ValidationError} with every problem, under `path`; also where the type is not declared.
 */
export async function checkPayload(
  messages: Definitions | undefined, name: string, payload: unknown, path: string,
): Promise<unknown> {
  if (typesOf(messages) === undefined) return payload
  const definition = Object.hasOwn(messages as Definitions, name) ? messages?.[name] : undefined
  if (definition === undefined) {
    throw new ValidationError([{ path: `${path}.type`, message: `is not declared by defineMessages: ${JSON.stringify(name)}` }])
  }
  const schema = '~standard' in definition ? definition : definition.payload
  return checkValue(schema, payload, `${path}.payload`)
}

/** What a schema makes of a value; {@link ValidationError} with every problem under `path`. */
async function checkValue(schema: AnySchema, value: unknown, path: string): Promise<unknown> {
  let result = schema['~standard'].validate(value)
  if (result instanceof Promise) result = await result
  if (result.issues) throw new ValidationError(result.issues.map((issue) => problemOf(issue, path)))
  return result.value
}

function problemOf(issue: SchemaIssue, at: string): Problem {
  let path = at
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part
    path += typeof key === 'number' ? `[${key}]` : `.${String(key)}`
  }
  return { path, message: issue.message }
}
