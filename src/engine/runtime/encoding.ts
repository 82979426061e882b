/**
 * Payloads on their way into the database and out of it, through the app's codec where it has one.
 *
 * 1. What is encoded is marked: rows of before the codec, and rows of others, are told apart by what they are.
 * 2. Without a codec nothing here waits: what is given comes back as it is.
 * 3. Nobody decides anything on the ground of a payload that cannot be read.
 */
import { SagaError } from '../errors.ts'
import { checkPayload, encodedPayload, type Mark, markIn, markOf } from '../payload.ts'
import type { JournalEntry, Payloads } from '../store/journal.ts'
import type { LoadedSaga } from './context.ts'

/** Whose payload it is: bind what you encode to it, and it cannot be moved elsewhere. */
export type PayloadAbout = {
  readonly sagaId: string
  readonly definition: string
  /** Of results, lists and checkpoints; inputs have none. An item of a map is `name[3]`. */
  readonly step?: string
}

/** Encrypts payloads, say. Used by every process that has it, for payloads of all sagas. */
export type PayloadCodec = {
  /** @returns JSON that Postgres can store, of at most twice `maxPayloadBytes` and 4 KiB. Name the key that was used in it. */
  encode(json: string, about: PayloadAbout): unknown
  /** @param stored what `encode` gave, by this process or another. @returns the JSON text that it was given. */
  decode(stored: unknown, about: PayloadAbout): string | Promise<string>
  /**
   * What tells a repeated start from another one under the same key: an HMAC, say. The same for the same text, in every
   * process and for ever. Without it that is a SHA-256 of the input, by which whoever reads the row can try out inputs.
   */
  hash?(json: string): string | Promise<string>
}

/** Stands where a payload would be that cannot be shown. */
export class Unreadable {
  readonly unreadable: UnreadableCode

  constructor(code: UnreadableCode) {
    this.unreadable = code
  }
}

export type UnreadableCode = 'CODEC_MISSING' | 'CODEC_FAILED' | 'PAYLOAD_ERASED'

/** A codec that asks others may wait for something that never comes. */
const PATIENCE_MS = 30_000

export class Encoding {
  readonly #codec: PayloadCodec | undefined
  readonly #maxBytes: number
  /** What is decoded once serves all attempts that it was fetched for. */
  readonly #opened = new WeakMap<Payloads, Promise<Payloads>>()

  constructor(codec: PayloadCodec | undefined, maxPayloadBytes: number) {
    this.#codec = codec
    this.#maxBytes = maxPayloadBytes * 2 + 4096
  }

  /**
   * The payload as it is to be stored.
   *
   * @param json checked. @param what names it in errors. @param withinMs for the codec.
   * @throws SagaError `CODEC_FAILED`, without delay or as a rejection.
   */
  encode(json: string, about: PayloadAbout, what: string, withinMs = PATIENCE_MS): string | Promise<string> {
    return this.#codec === undefined ? json : this.#encode(this.#codec, json, about, what, withinMs)
  }

  async #encode(
    codec: PayloadCodec,
    json: string,
    about: PayloadAbout,
    what: string,
    withinMs: number,
  ): Promise<string> {
    const failed = (cause: unknown) =>
      new SagaError('CODEC_FAILED', `The codec could not encode ${what}: ${wordsOf(cause)}`, {
        cause,
        details: about,
      })
    let encoded: unknown
    try {
      encoded = await within(codec.encode(json, about), withinMs)
      const checked = checkPayload(encoded, { what: 'what it gave', maxBytes: this.#maxBytes }).json
      if (checked !== undefined) return encodedPayload(checked)
    } catch (error) {
      throw failed(error)
    }
    throw failed(new TypeError('it gave nothing.'))
  }

  /** @throws SagaError `CODEC_FAILED`, `CODEC_MISSING` or `PAYLOAD_ERASED`, without delay or as a rejection. */
  decode(json: string, about: PayloadAbout): string | Promise<string> {
    const mark = markIn(json)
    return mark === undefined ? json : this.#decode(mark, about)
  }

  async #decode(mark: Mark, about: PayloadAbout): Promise<string> {
    const of = `${about.step === undefined ? 'The input' : `A payload of step "${about.step}"`} of saga ${about.sagaId}`
    if (mark.is === 'erased') throw new SagaError('PAYLOAD_ERASED', `${of} was erased.`, { details: about })
    if (this.#codec === undefined) {
      const what = `${of} is encoded, and this process has no codec. Give it the option \`codec\`.`
      throw new SagaError('CODEC_MISSING', what, { details: about })
    }
    try {
      const text: unknown = await within(this.#codec.decode(mark.stored, about), PATIENCE_MS)
      if (typeof text !== 'string') throw new TypeError(`it gave ${typeof text}, and no text.`)
      if (!isJson(text)) throw new TypeError('what it gave is no JSON.')
      return text
    } catch (cause) {
      throw new SagaError('CODEC_FAILED', `${of} could not be decoded by the codec: ${wordsOf(cause)}`, {
        cause,
        details: about,
      })
    }
  }

  /** What tells a repeated start from another: see `PayloadCodec.hash`. */
  hash(json: string): string | Promise<string> | undefined {
    return this.#codec?.hash === undefined ? undefined : this.#hash(this.#codec, json)
  }

  async #hash(codec: PayloadCodec, json: string): Promise<string> {
    let hash: unknown
    try {
      hash = await within(codec.hash?.(json), PATIENCE_MS)
      if (typeof hash === 'string' && /^[\x21-\x7e]{1,200}$/.test(hash)) return hash
    } catch (cause) {
      throw new SagaError('CODEC_FAILED', `The codec could not hash an input: ${wordsOf(cause)}`, { cause })
    }
    throw new SagaError('CODEC_FAILED', "The codec's hash is not text of 1 to 200 visible ASCII characters.")
  }

  /** The saga with payloads that functions can be given. @throws as `decode`. */
  open(saga: LoadedSaga): LoadedSaga | Promise<LoadedSaga> {
    return isOpen(saga.payloads) ? saga : this.#open(saga)
  }

  async #open(saga: LoadedSaga): Promise<LoadedSaga> {
    let opening = this.#opened.get(saga.payloads)
    if (opening === undefined) {
      opening = this.#openAll(saga)
      this.#opened.set(saga.payloads, opening)
    }
    return { ...saga, payloads: await opening }
  }

  async #openAll({ id: sagaId, definition, payloads }: LoadedSaga): Promise<Payloads> {
    const of = { sagaId, definition }
    const openEach = async (texts: Texts | undefined, stepOf = (name: string) => name): Promise<Texts> => {
      const opened = Object.entries(texts ?? {}).map(async ([name, json]): Promise<[string, string]> => {
        return [name, await this.decode(json, { ...of, step: stepOf(name) })]
      })
      return Object.fromEntries(await allOf(opened))
    }
    const [input, results, lists, checkpoints] = await allOf([
      (async () => this.decode(payloads.input, of))(),
      openEach(payloads.results),
      openEach(payloads.lists),
      // Under the step and its side.
      openEach(payloads.checkpoints, (name) => name.slice(0, name.lastIndexOf(':'))),
    ])
    return {
      ...payloads,
      input,
      results,
      ...(payloads.lists === undefined ? {} : { lists }),
      ...(payloads.checkpoints === undefined ? {} : { checkpoints }),
    }
  }

  /** Events as people see them: what cannot be read of them is `Unreadable`. */
  async shown(
    entries: readonly JournalEntry[],
    about: () => Promise<PayloadAbout> | PayloadAbout,
  ): Promise<readonly JournalEntry[]> {
    if (!entries.some(({ payload }) => markOf(payload) !== undefined)) return entries
    const of = await about()
    return Promise.all(
      entries.map(async (entry) => {
        const mark = markOf(entry.payload)
        if (mark === undefined) return entry
        const step = 'step' in entry.event ? entry.event.step : undefined
        return { ...entry, payload: await this.#show(mark, step === undefined ? of : { ...of, step }) }
      }),
    )
  }

  async #show(mark: Mark, about: PayloadAbout): Promise<unknown> {
    try {
      return JSON.parse(await this.#decode(mark, about))
    } catch (error) {
      return new Unreadable((error as SagaError).code as UnreadableCode)
    }
  }
}

type Texts = { readonly [name: string]: string }

function isOpen({ input, results, lists, checkpoints }: Payloads): boolean {
  if (markIn(input) !== undefined) return false
  for (const texts of [results, lists, checkpoints])
    for (const name in texts) if (markIn(texts[name] ?? '') !== undefined) return false
  return true
}

/** All of them come to an end before the first failure is passed on. */
async function allOf<const T extends readonly Promise<unknown>[]>(
  all: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(all)
  const failed = settled.find((one) => one.status === 'rejected')
  if (failed !== undefined) throw failed.reason
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as never
}

/** What the parser says of it has a piece of it. */
function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : 'it threw something that is no error.'
}

async function within<T>(outcome: T | Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it has not answered within ${Math.round(ms)} ms.`)), ms)
  })
  try {
    return await Promise.race([outcome, late])
  } finally {
    clearTimeout(timer)
  }
}
