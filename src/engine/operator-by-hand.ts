/**
 * What people bring by hand, checked by the JSON Schemas that the code has stored: in any process, with the code or
 * without it.
 */
import { fromJSONSchema, type ZodType } from 'zod'
import { definedName } from './core/blueprint.ts'
import { SagaError } from './errors.ts'
import { checkPayload } from './payload.ts'
import type { Encoding } from './runtime/encoding.ts'
import type { Starter } from './runtime/start.ts'
import { readSchemas } from './store/blueprints.ts'
import type { Db } from './store/db.ts'
import type { SagaRow } from './store/sagas.ts'

export class ByHand {
  readonly #schema: string
  readonly #maxBytes: number
  readonly #encoding: Encoding

  constructor(schema: string, { maxPayloadBytes, encoding }: Pick<Starter, 'maxPayloadBytes' | 'encoding'>) {
    this.#schema = schema
    this.#maxBytes = maxPayloadBytes
    this.#encoding = encoding
  }

  /** @throws SagaError `RESULT_INVALID`, `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `CODEC_FAILED`. */
  async result(db: Db, row: SagaRow, step: string, value: unknown): Promise<string | undefined> {
    const what = `the result of step "${step}" of saga ${row.id}`
    if (row.state.direction === 'backward') {
      if (value === undefined) return undefined
      // It would take the place of what the action returned, which others are still to see.
      throw new SagaError(
        'RESULT_INVALID',
        `Nothing was done: the saga goes back, and undoing has no result. Leave out ${what}.`,
      )
    }
    const { results } = await readSchemas(db, this.#schema, row.blueprint)
    const schema = results[definedName(step)]
    if (schema !== undefined) this.#fits(what, 'RESULT_INVALID', schema, value)
    const { json } = checkPayload(value, { what, maxBytes: this.#maxBytes })
    const about = { sagaId: row.id, definition: row.definition, step }
    return json === undefined ? undefined : this.#encoding.encode(json, about, what)
  }

  /** @throws SagaError `INPUT_INVALID`, `PAYLOAD_INVALID`, `PAYLOAD_TOO_LARGE`, `CODEC_FAILED`. */
  async input(db: Db, row: SagaRow, value: unknown): Promise<string> {
    const what = `the input of saga ${row.id}`
    const { storedInput } = await readSchemas(db, this.#schema, row.blueprint)
    if (storedInput !== undefined) this.#fits(what, 'INPUT_INVALID', storedInput, value)
    const json = checkPayload(value, { what, maxBytes: this.#maxBytes }).json ?? 'null'
    return this.#encoding.encode(json, { sagaId: row.id, definition: row.definition }, what)
  }

  #fits(what: string, code: 'RESULT_INVALID' | 'INPUT_INVALID', schema: object, value: unknown): void {
    const parsed = asZod(schema)?.safeParse(value)
    if (parsed === undefined || parsed.success) return
    const fields = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }))
    const list = fields.map((field) => `${field.path === '' ? '(whole)' : field.path}: ${field.message}`).join('; ')
    throw new SagaError(code, `Nothing was done: ${what} does not fit its schema. ${list}`, { details: { fields } })
  }
}

/** Not every schema comes back from its JSON; what cannot be checked is left to the code. */
function asZod(schema: object): ZodType | undefined {
  try {
    return fromJSONSchema(schema as Parameters<typeof fromJSONSchema>[0])
  } catch {
    return undefined
  }
}
