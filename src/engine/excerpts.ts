/**
 * A saga's history in parts, each with an end: for pages, which show ten thousand items no more than a person reads. Who
 * wants all of it asks `get()` and `journal()`.
 */

import { charactersIn, firstCharacters } from './characters.ts'
import { SagaError } from './errors.ts'
import type { BlueprintShelf } from './runtime/blueprint-shelf.ts'
import type { Encoding, UnreadableCode } from './runtime/encoding.ts'
import { isId } from './runtime/ids.ts'
import { type SagaView, viewOf } from './saga-view.ts'
import type { Db } from './store/db.ts'
import {
  type ItemSpan,
  type JournalLine,
  readItemSpans,
  readLines,
  readOutline,
  readPayloadTexts,
  readResultSequences,
  type StoredPayload,
} from './store/journal-parts.ts'
import { readSummary, readTrace } from './store/reading.ts'

export type ExcerptsParts = {
  readonly db: Db
  readonly schema: string
  readonly shelf: BlueprintShelf
  readonly starter: { readonly encoding: Encoding }
}

/** A saga without its payloads, and the newest of what happened to it and its steps. */
export type SagaOutline = {
  /** Without input and results. Times are of the events in `lines`. */
  readonly saga: SagaView
  /** In order, without those of maps' items. */
  readonly lines: readonly JournalLine[]
  /** There are older events than those in `lines`. */
  readonly hasOlder: boolean
  /** Of the saga's maps. */
  readonly items: readonly ItemSpan[]
  /** How many events there are, those of items included. */
  readonly events: number
  /** Of the span that was active when it was started, as a W3C header; `null` where there was none. */
  readonly traceparent: string | null
}

/** A payload as JSON text, or the beginning of it: only with `isWhole` it can be parsed. */
export type PayloadText = Omit<StoredPayload, 'text'> & {
  /** `undefined` where it cannot be shown, and then it is not whole; `unreadable` says why. */
  readonly text: string | undefined
  /** The text is all of it. Said here, as `characters` are not those of JavaScript's `length`. */
  readonly isWhole: boolean
  readonly unreadable?: UnreadableCode
}

const OUTLINE_ROWS = 1_000
const MAX_ROWS = 1_000
/** The characters that a codec's text may have. */
const WHOLE = 2_147_483_647
const MARKED = '{"$saga":'

export class Excerpts {
  readonly #parts: ExcerptsParts

  constructor(parts: ExcerptsParts) {
    this.#parts = parts
  }

  /** @returns `undefined` when there is no such saga. */
  async outline(id: string): Promise<SagaOutline | undefined> {
    if (!isId(id)) return undefined
    const { db, schema, shelf } = this.#parts
    const summary = await readSummary(db, schema, id)
    if (summary === undefined) return undefined
    const { state } = summary
    const named = [state.deadLetter?.step, state.failure?.step, state.stopping?.step].filter(isItem)
    const hasItems = Object.values(state.steps).some((step) => step.items !== undefined)
    const [lines, { revision, traceparent }, items] = await Promise.all([
      readOutline(db, schema, id, { items: named, limit: OUTLINE_ROWS }),
      readTrace(db, schema, id),
      hasItems ? readItemSpans(db, schema, id) : [],
    ])
    await shelf.load(db, [state.blueprint])
    const entries = lines.map((line) => ({ ...line, payload: undefined }))
    const view = viewOf(summary, entries, shelf)
    const saga = { ...view, steps: view.steps.map(({ result: _none, ...step }) => step) }
    return { saga, lines, hasOlder: lines[0]?.sequence !== 1, items, events: revision, traceparent }
  }

  /**
   * The newest events before `before`, in order.
   *
   * @param page `limit`: up to 1 000.
   */
  async journal(
    id: string,
    { before = WHOLE, limit = 100 }: { readonly before?: number; readonly limit?: number } = {},
  ): Promise<readonly JournalLine[]> {
    const { db, schema } = this.#parts
    const rows = Math.min(Math.max(limit, 1), MAX_ROWS)
    const lines = await readLines(db, schema, mustBeId(id), { before: Math.min(before, WHOLE), limit: rows })
    return lines.slice(-rows)
  }

  /**
   * The payloads of these events, each up to so many characters. What the app's codec has made of one is read whole, and
   * cut behind it.
   */
  async payloads(id: string, sequences: readonly number[], maxCharacters: number): Promise<readonly PayloadText[]> {
    const { db, schema } = this.#parts
    const read = (some: readonly number[], most: number) => readPayloadTexts(db, schema, mustBeId(id), some, most)
    const heads = await read(sequences.slice(0, MAX_ROWS), Math.max(maxCharacters, MARKED.length))
    const marked = heads.filter(({ text }) => text.startsWith(MARKED)).map(({ sequence }) => sequence)
    if (marked.length === 0) return heads.map((one) => cutTo(one, maxCharacters))
    const whole = new Map((await read(marked, WHOLE)).map((one) => [one.sequence, one]))
    const definition = (await readSummary(db, schema, id))?.definition ?? ''
    return Promise.all(
      heads.map((one) => this.#decoded(whole.get(one.sequence) ?? one, { sagaId: id, definition }, maxCharacters)),
    )
  }

  /** Which events have the results of these steps. Of items: `name[3]`. */
  async results(id: string, steps: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { db, schema } = this.#parts
    return readResultSequences(db, schema, mustBeId(id), steps)
  }

  async #decoded(
    payload: StoredPayload,
    of: { readonly sagaId: string; readonly definition: string },
    maxCharacters: number,
  ): Promise<PayloadText> {
    if (!payload.text.startsWith(MARKED)) return cutTo(payload, maxCharacters)
    try {
      const about = payload.step === null ? of : { ...of, step: payload.step }
      const text = await this.#parts.starter.encoding.decode(payload.text, about)
      return cutTo({ ...payload, characters: charactersIn(text), text }, maxCharacters)
    } catch (error) {
      const unreadable = (error as SagaError).code as UnreadableCode
      return { ...payload, text: undefined, isWhole: false, unreadable }
    }
  }
}

function cutTo(payload: StoredPayload, maxCharacters: number): PayloadText {
  const isWhole = payload.characters <= maxCharacters
  return { ...payload, text: firstCharacters(payload.text, maxCharacters), isWhole }
}

function isItem(step: string | undefined): step is string {
  return step?.endsWith(']') === true
}

function mustBeId(id: string): string {
  const known: boolean = isId(id)
  if (known) return id
  throw new SagaError('SAGA_NOT_FOUND', `There is no saga ${id}.`, { details: { sagaId: id } })
}
