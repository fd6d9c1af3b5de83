// Makes src/api.gen.ts, the types of the HTTP API, from the server's OpenAPI document.
//
//   node scripts/api.mjs           writes it
//   node scripts/api.mjs --check   says whether it is what the document makes
//
// It is shorter by an order of magnitude than what general generators make, because each route is one line: the compiler
// reads it in every program that imports the package.
import { readFileSync, writeFileSync } from 'node:fs'

const document = JSON.parse(readFileSync(new URL('../../../httpapi/testdata/openapi.json', import.meta.url), 'utf8'))
const target = new URL('../src/api.gen.ts', import.meta.url)

const quote = (text) => (/^[A-Za-z_$][\w$]*$/.test(text) ? text : JSON.stringify(text))

/** The TypeScript type of a JSON Schema. */
function type(schema) {
  if (schema === undefined || Object.keys(schema).length === 0) return 'unknown'
  if (schema.$ref) return schema.$ref.split('/').at(-1)
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(' | ')
  const any = schema.oneOf ?? schema.anyOf
  if (any) return any.map(type).join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((t) => type({ ...schema, type: t })).join(' | ')
  switch (schema.type) {
    case 'null':
      return 'null'
    case 'string':
      return 'string'
    case 'boolean':
      return 'boolean'
    case 'integer':
    case 'number':
      return 'number'
    case 'array': {
      const item = type(schema.items)
      return item.includes(' ') ? `(${item})[]` : `${item}[]`
    }
    case 'object':
      if (schema.properties) return `{ ${members(schema).join('; ')} }`
      return `Record<string, ${schema.additionalProperties === true ? 'unknown' : type(schema.additionalProperties)}>`
  }
  return 'unknown'
}

/** The members of an object. Optional ones may be undefined, so that callers need not leave them out. */
function members(schema) {
  const required = new Set(schema.required ?? [])
  return Object.entries(schema.properties ?? {}).map(([name, s]) =>
    required.has(name) ? `${quote(name)}: ${type(s)}` : `${quote(name)}?: ${type(s)} | undefined`,
  )
}

function comment(schema) {
  return schema.description ? `  /** ${schema.description.replaceAll('*/', '* /')} */\n` : ''
}

function described(schema) {
  const lines = members(schema)
  return Object.values(schema.properties ?? {}).map((s, i) => `${comment(s)}  ${lines[i]}`)
}

const out = [
  '// Made by scripts/api.mjs from the OpenAPI document of the server. Do not edit.',
  '/* eslint-disable */',
  '',
]
for (const [name, schema] of Object.entries(document.components.schemas)) {
  if (schema.type === 'object' && schema.properties) out.push(`export interface ${name} {`, ...described(schema), '}', '')
  else out.push(`export type ${name} = ${type(schema)}`, '')
}

const json = (content) => content?.['application/json']?.schema
const methods = ['get', 'post', 'put', 'patch', 'delete']
out.push('/** Every route that answers JSON, by its method and path. */', 'export interface Routes {')
for (const [path, item] of Object.entries(document.paths)) {
  for (const method of methods) {
    const operation = item[method]
    if (!operation) continue
    const answers = Object.entries(operation.responses ?? {})
      .filter(([status, r]) => status.startsWith('2') && json(r.content))
      .map(([, r]) => type(json(r.content)))
    if (answers.length === 0) continue
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])]
    const of = (place) =>
      parameters
        .filter((p) => p.in === place)
        .map((p) => {
          const t = p.schema?.type === 'array' ? `${type(p.schema.items)} | readonly (${type(p.schema.items)})[]` : type(p.schema)
          return p.required ? `${quote(p.name)}: ${t}` : `${quote(p.name)}?: ${t} | undefined`
        })
    const body = json(operation.requestBody?.content)
    const parts = []
    const inPath = of('path')
    const inQuery = of('query')
    if (inPath.length) parts.push(`path: { ${inPath.join('; ')} }`)
    if (inQuery.length) parts.push(`query: { ${inQuery.join('; ')} }`)
    if (body) parts.push(`body${operation.requestBody.required ? '' : '?'}: ${type(body)}`)
    parts.push(`answer: ${[...new Set(answers)].join(' | ')}`)
    const summary = operation.summary ? `  /** ${operation.summary} */\n` : ''
    out.push(`${summary}  ${JSON.stringify(`${method.toUpperCase()} ${path}`)}: { ${parts.join('; ')} }`)
  }
}
out.push('}', '')

const text = out.join('\n')
if (process.argv.includes('--check')) {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('src/api.gen.ts is not what the OpenAPI document makes: run npm run api')
    process.exit(1)
  }
} else {
  writeFileSync(target, text)
}
