/** A JSON Schema, of which any member may be missing. */
export interface Schema {
  $ref?: string
  $defs?: Record<string, Schema | boolean>
  definitions?: Record<string, Schema | boolean>
  type?: string | string[]
  title?: string
  description?: string
  format?: string
  enum?: unknown[]
  const?: unknown
  oneOf?: (Schema | boolean)[]
  anyOf?: (Schema | boolean)[]
  allOf?: (Schema | boolean)[]
  properties?: Record<string, Schema | boolean>
  required?: string[]
  additionalProperties?: Schema | boolean
  items?: Schema | boolean
  prefixItems?: (Schema | boolean)[]
}

/** What the server knows of a type: its name, and the schema of its payload if there is one. */
export interface Declared {
  type: string
  schema?: Schema | undefined
}

/** `order.paid` as a name in a program: `OrderPaid`. */
export function typeName(type: string): string {
  const name = type.split(/[^\p{L}\p{N}]+/u).filter(Boolean).map((word) => word[0]?.toUpperCase() + word.slice(1)).join('')
  return /^\p{L}/u.test(name) ? name : `Message${name}`
}

/** Names that are not taken yet. */
function naming(): (wanted: string) => string {
  const taken = new Set<string>()
  return (wanted) => {
    let name = wanted
    for (let n = 2; taken.has(name); n++) name = `${wanted}${n}`
    taken.add(name)
    return name
  }
}

/** TypeScript: an interface for each type, and `messages` for `createClient`. */
export function typescript(types: readonly Declared[]): string {
  const out = [
    '// Made by "symphony types generate" from the schemas on the server. Do not edit.',
    'import { defineMessages } from "@symphony-messenger/client"', '',
  ]
  const free = naming()
  const members: string[] = []
  for (const { type, schema } of types) {
    if (!schema) {
      members.push(`  ${JSON.stringify(type)}: Record<string, unknown>`)
      continue
    }
    const name = free(typeName(type))
    const defs = { ...schema.definitions, ...schema.$defs }
    const names = new Map(Object.keys(defs).map((def) => [def, free(name + typeName(def))]))
    for (const [def, inner] of Object.entries(defs)) out.push(...declaration(names.get(def) as string, inner, names, name))
    out.push(...declaration(name, schema, names, name))
    members.push(`  ${JSON.stringify(type)}: ${name}`)
  }
  out.push('/** The payloads of all types that the server knows. */', 'export interface Messages {', ...members, '}', '')
  out.push('export const messages = defineMessages<Messages>()', '')
  return out.join('\n')
}

function declaration(name: string, schema: Schema | boolean, names: Map<string, string>, root: string): string[] {
  const s = typeof schema === 'boolean' ? {} : schema
  const comment = s.description ? [`/** ${clean(s.description)} */`] : []
  const simple = typeof schema !== 'boolean' && s.properties && !s.allOf && !s.anyOf && !s.oneOf && !s.$ref
  return [...comment, simple ? `export interface ${name} ${object(s, names, root, '')}` : `export type ${name} = ${tsType(schema, names, root, '')}`, '']
}

const clean = (text: string) => text.replaceAll('*/', '* /').replace(/\s+/g, ' ')

function tsType(schema: Schema | boolean | undefined, names: Map<string, string>, root: string, indent: string): string {
  if (schema === false) return 'never'
  if (schema === undefined || schema === true) return 'unknown'
  const of = (s: Schema | boolean | undefined) => tsType(s, names, root, indent)
  const list = (schemas: (Schema | boolean)[], by: string) => `(${[...new Set(schemas.map(of))].join(by)})`
  const parts: string[] = []
  if (schema.$ref !== undefined) {
    const local = /^#(?:\/(?:\$defs|definitions)\/(.+))?$/.exec(schema.$ref)
    parts.push(local ? (local[1] === undefined ? root : (names.get(decodeURIComponent(local[1])) ?? 'unknown')) : 'unknown')
  }
  if (schema.const !== undefined) parts.push(JSON.stringify(schema.const))
  if (schema.enum) parts.push(`(${schema.enum.map((v) => JSON.stringify(v)).join(' | ')})`)
  if (schema.oneOf) parts.push(list(schema.oneOf, ' | '))
  if (schema.anyOf) parts.push(list(schema.anyOf, ' | '))
  if (schema.allOf) parts.push(...schema.allOf.map(of))
  if (parts.length === 0 || schema.properties) {
    const types = typeof schema.type === 'string' ? [schema.type] : (schema.type ?? (schema.properties ? ['object'] : []))
    const kinds = types.map((t) => kind(t, schema, names, root, indent))
    if (kinds.length > 0) parts.push(kinds.length === 1 ? (kinds[0] as string) : `(${kinds.join(' | ')})`)
  }
  const known = parts.filter((p) => p !== 'unknown')
  return known.length === 0 ? 'unknown' : known.join(' & ')
}

function kind(type: string, s: Schema, names: Map<string, string>, root: string, indent: string): string {
  switch (type) {
    case 'integer':
    case 'number':
      return 'number'
    case 'string':
    case 'boolean':
    case 'null':
      return type
    case 'array':
      if (s.prefixItems) return `[${s.prefixItems.map((i) => tsType(i, names, root, indent)).join(', ')}, ...${tsType(s.items, names, root, indent)}[]]`
      return `Array<${tsType(s.items, names, root, indent)}>`
    case 'object':
      return s.properties ? object(s, names, root, indent) : `Record<string, ${s.additionalProperties === false ? 'never' : tsType(s.additionalProperties, names, root, indent)}>`
  }
  return 'unknown'
}

function object(s: Schema, names: Map<string, string>, root: string, indent: string): string {
  const inner = `${indent}  `
  const lines = Object.entries(s.properties ?? {}).flatMap(([name, schema]) => {
    const { description } = typeof schema === 'boolean' ? {} : (schema as Schema)
    const optional = s.required?.includes(name) ? '' : '?'
    const member = `${inner}${/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name)}${optional}: ${tsType(schema, names, root, inner)}`
    return description ? [`${inner}/** ${clean(description)} */`, member] : [member]
  })
  return `{\n${lines.join('\n')}\n${indent}}`
}

/** Go: a struct for each type, and its symphony.Type. Objects within others get names of their own. */
export function golang(types: readonly Declared[], packageName: string): string {
  const body: string[] = []
  const free = naming()
  const imports = new Set<string>()
  for (const { type, schema } of types) {
    const root = free(typeName(type))
    const constant = `${root}Type`
    body.push(`// ${constant} is the type ${JSON.stringify(type)}.`, `const ${constant} = symphony.Type[${root}](${JSON.stringify(type)})`, '')
    const defs = { ...schema?.definitions, ...schema?.$defs }
    const names = new Map(Object.keys(defs).map((def) => [def, free(root + typeName(def))]))
    const declare = (name: string, s: Schema | boolean, what: string) => {
      const at = body.length
      const go: Go = { names, root, imports, nest: (member, inner) => {
        const nested = free(name + typeName(member))
        declare(nested, inner, `a part of ${name}`)
        return nested
      } }
      const text = isObject(s) ? struct(s as Schema, go) : goType(s, '', go)
      body.splice(at, 0, `// ${name} is ${what}.`, `type ${name} ${text}`, '')
    }
    declare(root, schema ?? { type: 'object' }, `the payload of ${constant}`)
    for (const [def, inner] of Object.entries(defs)) declare(names.get(def) as string, inner, `a part of ${root}`)
  }
  const standard = [...imports].map((i) => `\t${JSON.stringify(i)}`)
  const own = '\t"github.com/symphony-messenger/symphony"'
  return [
    '// Code generated by "symphony types generate" from the schemas on the server. DO NOT EDIT.', '', `package ${packageName}`, '',
    ...(standard.length ? ['import (', ...standard, '', own, ')'] : [`import ${own.trim()}`]), '', ...body,
  ].join('\n')
}

interface Go {
  names: Map<string, string>
  root: string
  imports: Set<string>
  nest(member: string, schema: Schema): string
}

function kindsOf(s: Schema): string[] {
  const types = typeof s.type === 'string' ? [s.type] : (s.type ?? (s.properties ? ['object'] : []))
  return types.filter((t) => t !== 'null')
}

function isObject(s: Schema | boolean): boolean {
  return typeof s !== 'boolean' && s.properties !== undefined && kindsOf(s).join() === 'object' && !s.$ref && !s.oneOf && !s.anyOf && !s.allOf
}

function struct(s: Schema, go: Go): string {
  const fields = Object.entries(s.properties ?? {}).map(([name, inner]) => {
    const required = s.required?.includes(name)
    const t = goType(inner, name, go)
    const optional = required || /^(\[|map|any$)/.test(t) ? t : `*${t}`
    return [typeName(name), optional, `\`json:"${name}${required ? '' : ',omitempty'}"\``] as const
  })
  if (fields.length === 0) return 'struct{}'
  const width = (i: 0 | 1) => Math.max(...fields.map((f) => f[i].length))
  const lines = fields.map(([name, t, tag]) => `\t${name.padEnd(width(0))} ${t.padEnd(width(1))} ${tag}`)
  return `struct {\n${lines.join('\n')}\n}`
}

function goType(schema: Schema | boolean | undefined, member: string, go: Go): string {
  if (typeof schema === 'boolean' || schema === undefined) return 'any'
  if (schema.$ref !== undefined) {
    const def = /^#(?:\/(?:\$defs|definitions)\/(.+))?$/.exec(schema.$ref)
    return def ? (def[1] === undefined ? go.root : (go.names.get(decodeURIComponent(def[1])) ?? 'any')) : 'any'
  }
  const [type, ...others] = kindsOf(schema)
  if (others.length > 0 || schema.oneOf || schema.anyOf || schema.allOf) return 'any'
  switch (type) {
    case 'integer':
      return 'int64'
    case 'number':
      return 'float64'
    case 'boolean':
      return 'bool'
    case 'string':
      if (schema.format !== 'date-time') return 'string'
      go.imports.add('time')
      return 'time.Time'
    case 'array':
      return `[]${goType(schema.items, member, go)}`
    case 'object':
      if (isObject(schema)) return go.nest(member, schema)
      return `map[string]${schema.additionalProperties === false ? 'any' : goType(schema.additionalProperties, member, go)}`
  }
  return 'any'
}
