/**
 * What may be shown of a payload or of an error's message: the host's `redact` is asked before anything is shown, searched
 * or exported. Pages get at both through `view.redaction` alone, and a test looks whether a secret gets past it on any page.
 */
import { ExactNumber, parseExactly, Unparsed } from './payload/exact.ts'

/** Where a value comes from. */
export type RedactContext = {
  /** Empty for what maintenance has noted of none. */
  readonly definition: string
  /** Empty for the message that stands for a group of errors, and for what maintenance has noted of no saga. */
  readonly sagaId: string
  /** `input`: of the saga, or of a step that was edited. `result`: of a step. `error`: the message of an error. */
  readonly kind: 'input' | 'result' | 'error'
  readonly step?: string
}

/**
 * @param value JSON, or the message of an error. What is returned is shown instead: a changed copy, never the value changed in
 *   place.
 */
export type Redact = (value: unknown, context: RedactContext) => unknown

/** Shown where the host's hook threw: nothing, rather than what should not be seen. */
export const NOT_SHOWN = '[not shown: redact has failed]'

/** Shown where the hook cannot be asked: what could not be parsed may be as deep as nobody has thought of. */
export const NOT_PARSED = '[not shown: it cannot be parsed for redact]'

/** Stands where the hook has left nothing. */
export const REDACTED = '[redacted]'

/** The value as it may be shown; the value itself where the host has no hook. */
export function redacted(redact: Redact | undefined, value: unknown, context: RedactContext): unknown {
  if (redact === undefined || value === undefined) return value
  try {
    const shown = redact(value, context)
    if (!(shown instanceof Promise)) return shown
    // It is asked while a page is written: there is nobody who could wait for it.
    shown.catch(() => undefined)
    return NOT_SHOWN
  } catch {
    return NOT_SHOWN
  }
}

/** Stands where the hook has changed something. Its value is shown as what it is: not what is stored. */
export class Redacted {
  readonly shown: unknown

  constructor(shown: unknown) {
    this.shown = shown
  }

  toJSON(): unknown {
    return this.shown === undefined ? REDACTED : this.shown
  }
}

/** Of what an error says, what the hook needs to know. */
export type ErrorAbout = Omit<RedactContext, 'kind'>

export class Redaction {
  readonly #redact: Redact | undefined

  constructor(redact: Redact | undefined) {
    this.#redact = redact
  }

  /** Whether anything can be held back: then a payload has to be there as a whole before a part of it is shown. */
  get isOn(): boolean {
    return this.#redact !== undefined
  }

  /** The message of an error, as it may be shown. */
  message(text: string, about: ErrorAbout): string
  message(text: string | null, about: ErrorAbout): string | null
  message(text: string | null, about: ErrorAbout): string | null {
    if (text === null || this.#redact === undefined) return text
    const shown = redacted(this.#redact, text, { ...about, kind: 'error' })
    if (typeof shown === 'string') return shown
    return shown === undefined || shown === null ? REDACTED : plainText(shown)
  }

  /** An error group with the message of its newest saga as it may be shown. */
  group<T extends GroupLike>(group: T): T {
    if (this.#redact === undefined || group.message === null) return group
    const about = { definition: group.definition, sagaId: '', ...(group.step === null ? {} : { step: group.step }) }
    return { ...group, message: this.message(group.message, about) }
  }

  /** What maintenance has noted: an app's own functions, such as its `authorize`, may have said why something failed. */
  maintenance<T extends EntryLike>(entry: T): T {
    if (this.#redact === undefined) return entry
    const about = { definition: '', sagaId: '' }
    const outcome = this.#withoutMessages(entry.outcome, about)
    return { ...entry, error: this.message(entry.error, about), outcome: outcome as T['outcome'] }
  }

  #withoutMessages(value: unknown, about: ErrorAbout): unknown {
    if (Array.isArray(value)) return value.map((part) => this.#withoutMessages(part, about))
    if (typeof value !== 'object' || value === null) return value
    const { definition = about.definition, sagaId = about.sagaId } = value as Record<string, unknown>
    const own = { definition: String(definition), sagaId: String(sagaId) }
    return Object.fromEntries(
      Object.entries(value).map(([key, part]: [string, unknown]) => {
        const isMessage = (key === 'error' || key === 'why') && typeof part === 'string'
        return [key, isMessage ? this.message(part, own) : this.#withoutMessages(part, own)]
      }),
    )
  }

  /**
   * A payload as it may be shown, from its whole JSON text. What the hook has changed is `Redacted`, and numbers that
   * JavaScript would change are `ExactNumber`. What cannot be parsed, such as what is nested too deeply, is `Unparsed`.
   */
  payload(json: string, context: RedactContext): unknown {
    let exact: unknown
    try {
      exact = parseExactly(json)
    } catch {
      return this.isOn ? new Redacted(NOT_PARSED) : new Unparsed(json)
    }
    if (this.#redact === undefined) return exact
    // The hook gets plain numbers, and values of its own: what it does to them must not reach what they are compared with.
    const shown = redacted(this.#redact, JSON.parse(json), context)
    try {
      return merged(shown, exact, 0)
    } catch {
      return new Redacted(NOT_SHOWN)
    }
  }
}

type GroupLike = { readonly message: string | null; readonly definition: string; readonly step: string | null }

type EntryLike = { readonly error: string | null; readonly outcome: object | null }

/** Deeper than any payload that could be stored. What a hook returns may go in circles. */
const MAX_DEPTH = 600

/** @param exact what stands at the same place of the payload; a `MISSING` where there is nothing. */
function merged(shown: unknown, exact: unknown, depth: number): unknown {
  if (depth > MAX_DEPTH) throw new RangeError('What redact has returned has no end.')
  if (Array.isArray(shown)) {
    if (!Array.isArray(exact)) return new Redacted(plain(shown))
    const list: unknown[] = shown.map((part: unknown, at) => merged(part, at in exact ? exact[at] : MISSING, depth + 1))
    return exact.length > shown.length ? [...list, new Redacted(undefined)] : list
  }
  if (typeof shown === 'object' && shown !== null) {
    if (!isRecord(exact)) return new Redacted(plain(shown))
    const own = Object.entries(shown).map(([key, part]): [string, unknown] => {
      return [key, merged(part, Object.hasOwn(exact, key) ? exact[key] : MISSING, depth + 1)]
    })
    const gone = Object.keys(exact).filter((key) => !Object.hasOwn(shown, key))
    return Object.fromEntries([...own, ...gone.map((key): [string, unknown] => [key, new Redacted(undefined)])])
  }
  if (exact instanceof ExactNumber) return shown === Number(exact.text) ? exact : new Redacted(shown)
  return Object.is(shown, exact) ? exact : new Redacted(plain(shown))
}

const MISSING = Symbol('missing')

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof ExactNumber)
}

/** As JSON has it; what JSON does not have, as text. */
function plain(value: unknown): unknown {
  if (value === undefined || value === null || typeof value === 'boolean' || typeof value === 'string') return value
  return typeof value === 'number' && Number.isFinite(value) ? value : plainText(value)
}

function plainText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? REDACTED
  } catch {
    return NOT_SHOWN
  }
}
