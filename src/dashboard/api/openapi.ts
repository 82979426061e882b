/** The OpenAPI document of the API, made from the table of its routes. */
import { STATUS_CODES } from 'node:http'
import { z } from 'zod'
import { PROBLEM_CODES } from './problems.ts'
import type { Route } from './route.ts'
import { NAMES, NUMBERS, named } from './shapes/parts.ts'
import { ROUTES } from './table.ts'

const problem = named(
  'Problem',
  z
    .looseObject({
      type: z.string(),
      title: z.string(),
      status: z.int(),
      detail: z.string(),
      code: z.string().describe(`Of the engine, or one of: ${Object.keys(PROBLEM_CODES).join(', ')}.`),
      requestId: z.string().describe('The log has it, too.'),
      errors: z.array(z.strictObject({ path: z.string(), message: z.string() })).optional(),
    })
    .describe('RFC 9457.'),
)

type Json = { readonly [name: string]: unknown }

/** What is common to all, and only to those that change something. */
const ALWAYS = [400, 401, 403, 500, 503]
const OF_CHANGES = [413, 415]

export function openApi(): Json {
  const schemas: Record<string, unknown> = {}
  const paths: Record<string, Record<string, unknown>> = {}
  for (const route of ROUTES) {
    const path = route.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Saga dashboard',
      version: '1',
      description: 'Sagas, their plans and the verbs of operators. Additive changes do not change the version.',
    },
    // From where the document itself lies: whatever the host mounts it at.
    servers: [{ url: '.' }],
    security: [{ token: [] }, { session: [] }],
    tags: [...new Set(ROUTES.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: 'session', description: 'The session of the application.' },
      },
      schemas,
    },
  }
}

function operationOf(route: Route, schemas: Record<string, unknown>): Json {
  const { name, tag, summary, right, query, body, answer, refuses, path } = route
  const ids = [...path.matchAll(/:(\w+)/g)].map(([, id = '']) => ({
    name: id,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
  const statuses = [...new Set([...ALWAYS, ...refuses, ...(body === undefined ? [] : OF_CHANGES)])].toSorted(
    (a, b) => a - b,
  )
  return {
    operationId: name,
    tags: [tag],
    summary,
    description: right === 'none' ? 'Takes no right.' : `Takes the right ${right}.`,
    parameters: [...ids, ...(query === undefined ? [] : parametersOf(query, schemas))],
    ...(body === undefined ? {} : { requestBody: { required: true, content: jsonOf(body, 'input', schemas) } }),
    responses: {
      200: {
        description: 'Done.',
        content: {
          ...jsonOf(answer, 'output', schemas),
          ...Object.fromEntries(route.alsoAnswers.map((type) => [type, { schema: { type: 'string' } }])),
        },
      },
      ...Object.fromEntries(statuses.map((status) => [status, refusalOf(status, schemas)])),
    },
  }
}

function refusalOf(status: number, schemas: Record<string, unknown>): Json {
  const schema = schemaOf(problem, 'output', schemas)
  return { description: STATUS_CODES[status], content: { 'application/problem+json': { schema } } }
}

function jsonOf(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, unknown>): Json {
  return { 'application/json': { schema: schemaOf(schema, io, schemas) } }
}

function parametersOf(query: z.ZodType, schemas: Record<string, unknown>): readonly Json[] {
  const { properties = {}, required = [] } = schemaOf(query, 'input', schemas) as {
    readonly properties?: Readonly<Record<string, Json>>
    readonly required?: readonly string[]
  }
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }))
}

/** What has a name goes to the named ones. */
function schemaOf(schema: z.ZodType, io: 'input' | 'output', schemas: Record<string, unknown>): Json {
  const whole = z.toJSONSchema(z.object({ it: schema }), {
    metadata: NAMES,
    io,
    unrepresentable: 'any',
    // Names are of a registry of ours, descriptions of zod's own.
    override: ({ zodSchema, jsonSchema }) => {
      const { description } = zodSchema as unknown as z.ZodType
      if (description !== undefined) jsonSchema.description = description
      // It comes as text, and is a number to whoever sends it.
      const range = NUMBERS.get(zodSchema)
      if (range === undefined) return
      delete jsonSchema.pattern
      Object.assign(jsonSchema, range)
    },
  })
  const { $defs = {}, properties } = JSON.parse(
    JSON.stringify(whole).replaceAll('"#/$defs/', '"#/components/schemas/'),
  ) as { readonly $defs?: Readonly<Record<string, Json>>; readonly properties: { readonly it: Json } }
  for (const [name, { id: _name, ...own }] of Object.entries($defs)) schemas[name] = own
  return properties.it
}
