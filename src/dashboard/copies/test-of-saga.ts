/** A saga that has gone wrong, as a test to begin with: its definition, its input, and what came of each attempt. */
import type { SagaView } from '../../engine/saga-client.ts'
import { ExactNumber, Unparsed } from '../payload/exact.ts'
import { REDACTED, Redacted, type Redaction } from '../redaction.ts'
import type { Attempt } from '../timeline/attempts.ts'

const MAX_ATTEMPTS = 50
const MAX_MESSAGE_CHARACTERS = 300

export type TestSource = {
  readonly saga: SagaView
  readonly attempts: readonly Attempt[]
  /** As it may be shown; `undefined` where it is not at hand. */
  readonly input: unknown
  readonly redaction: Redaction
}

/** Whatever stands in the saga is a literal of it: nothing of that is ever code, nor part of a comment. */
export function testOfSaga({ saga, attempts, input, redaction }: TestSource): string {
  const { id, definition, version, status, steps } = saga
  const name = definition.replace(/-+(.)/g, (_all, letter: string) => letter.toUpperCase()).replaceAll('-', '')
  const recorded = attempts.slice(-MAX_ATTEMPTS).map((attempt) => {
    const { step, side, number, end, error } = attempt
    const about = { definition, sagaId: id, step }
    const message = error === undefined ? '' : redaction.message(error.message, about).slice(0, MAX_MESSAGE_CHARACTERS)
    const said =
      error === undefined ? {} : { error: { name: error.name, code: error.code, message: message.toWellFormed() } }
    return `  ${inLine({ step, side, attempt: number, end, ...said })},`
  })
  const states = steps.map((step) => `    ${inLine([step.name, step.state])},`)
  const given =
    input === undefined || input instanceof Unparsed
      ? 'undefined // cannot be copied: it is in the file that the page exports'
      : literal(input, 0)
  return `import { createSagaEngine } from 'pg-saga'
import { expect, test } from 'vitest'
import { ${name} as definition } from './${definition}.ts' // wherever yours is

// Saga ${id} of ${definition}, version ${version}.
const input = ${given}

// What came of each attempt.
const recorded = [
${recorded.join('\n')}
]

test(${inLine(`${definition} ends ${status.replace('_', ' ')}, as it did`)}, async () => {
  const connectionString = process.env['DATABASE_URL'] ?? ''
  const services = servicesThat(recorded)
  await using engine = createSagaEngine({ connectionString, definitions: [definition], services })
  await engine.start()
  const { id } = await engine.enqueue(definition, input)
  expect((await engine.outcome(id)).status).toBe(${inLine(status)})
  const saga = await engine.get(id)
  expect(saga?.steps.map(({ name, state }) => [name, state])).toEqual([
${states.join('\n')}
  ])
})

function servicesThat(_answer: typeof recorded) {
  return {} // yours, that answer like this
}
`
}

/** As JavaScript in one line. */
function inLine(value: unknown): string {
  return literal(value, undefined)
}

/**
 * As JavaScript: JSON, but for a field that JavaScript would take for the prototype.
 *
 * @param depth How far it stands in; `undefined` for one line.
 */
function literal(value: unknown, depth: number | undefined): string {
  if (value instanceof ExactNumber) return `${value.text} /* JavaScript cannot hold this number */`
  if (value instanceof Redacted) return text(value.toJSON())
  if (typeof value !== 'object' || value === null) return text(value)
  const inner = (part: unknown) => literal(part, depth === undefined ? undefined : depth + 1)
  if (Array.isArray(value)) return enclosed('[', ']', '', value.map(inner), depth)
  const fields = Object.entries(value).filter(([, part]) => part !== undefined)
  const written = fields.map(([key, part]) => `${keyText(key)}: ${inner(part)}`)
  return enclosed('{', '}', ' ', written, depth)
}

function enclosed(open: string, close: string, pad: string, parts: readonly string[], depth: number | undefined) {
  if (parts.length === 0) return open + close
  if (depth === undefined) return `${open}${pad}${parts.join(', ')}${pad}${close}`
  const indent = '  '.repeat(depth + 1)
  return `${open}\n${parts.map((part) => `${indent}${part},\n`).join('')}${'  '.repeat(depth)}${close}`
}

function keyText(key: string): string {
  if (key === '__proto__') return '["__proto__"]'
  return /^[a-z]\w*$/i.test(key) ? key : text(key)
}

function text(value: unknown): string {
  return JSON.stringify(value ?? (value === null ? null : REDACTED))
    .replaceAll('\u2028', '\\u2028')
    .replaceAll('\u2029', '\\u2029')
}
