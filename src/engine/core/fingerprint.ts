/**
 * Error groups: dead letters that need a person for the same reason have the same fingerprint, so that 900 of them are
 * one thing to look at. It is a function of the folded state, so replaying a journal gives it again (rule 13).
 *
 * What tells one saga from another is taken out of the message first: numbers, ids, quoted text, addresses.
 */
import { definedName } from './blueprint.ts'
import type { ErrorInfo, SagaState } from './state.ts'

/** Begins every fingerprint. Another way of making them is another format: the two never look alike. */
export const FINGERPRINT_FORMAT = 1

/** Stands for everything that was taken out. */
const MARK = '#'

/** In this order: what is inside of a quotation or a URL is not looked at again. */
const VARYING: readonly RegExp[] = [
  /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'`<>]+/gi,
  // With escapes, as in JSON.
  /"(?:[^"\\]|\\.)*"/gs,
  // An apostrophe inside of a word neither opens nor closes a quotation.
  /(?<![\p{L}\p{N}])'(?:[^']|'(?=[\p{L}\p{N}]))*?'(?![\p{L}\p{N}])/gu,
  /`[^`]*`|“[^”]*”|„[^“”]*[“”]|«[^»]*»|‘[^’]*’(?!\p{L})/gu,
  /[^\s@<>()[\]{},;:]+@[^\s@<>()[\]{},;:]+/g,
  // Hexadecimal without a single digit in it: no word is that long.
  /\b[a-f0-9]{8,}\b/gi,
  // Whatever has a digit in it: numbers, UUIDs, times, versions, ids such as ch_3Kx.
  /[\p{L}\p{N}_-]*\p{N}[\p{L}\p{N}_-]*(?:[.:,+][\p{L}\p{N}_-]*\p{N}[\p{L}\p{N}_-]*)*/gu,
]

/** A list is the same error however long it is. */
const LISTED = /#(?:[\s,;|/]*#)+/g

/** The message without what varies from saga to saga. */
export function messagePattern(message: string): string {
  let pattern = message
  for (const varying of VARYING) pattern = pattern.replace(varying, MARK)
  return pattern.replace(LISTED, MARK).replace(/\s+/g, ' ').trim()
}

/** The group of a dead letter, such as `1:6d1f0f4b2c9a7e35`; `null` for every other saga. */
export function errorGroupOf(definition: string, state: SagaState): string | null {
  const { deadLetter, direction } = state
  if (deadLetter === undefined) return null
  const error = deadErrorOf(state)
  const kind = error?.code ?? error?.name ?? ''
  const message = messagePattern(error?.message ?? '')
  // The items of a map fail for the same reason, whichever of them comes first.
  const parts = [definition, definedName(deadLetter.step ?? ''), direction, deadLetter.reason, kind, message]
  return `${FINGERPRINT_FORMAT}:${hashOf(parts.join('\u0000'))}`
}

/** What keeps a dead letter where it is: the last error of its step, and where it has none, the one that began it all. */
export function deadErrorOf({ deadLetter, steps, failure }: SagaState): ErrorInfo | undefined {
  // What went wrong before says nothing of code that is not there.
  if (deadLetter === undefined || deadLetter.reason === 'no_code') return undefined
  const step = deadLetter.step === undefined ? undefined : steps[deadLetter.step]
  return step?.error ?? failure?.error
}

const OFFSET_BASIS = 0xcbf29ce484222325n
const PRIME = 0x100000001b3n

/**
 * FNV-1a with 64 bits, over UTF-16 code units, the lower byte first.
 *
 * Source: G. Fowler, L. C. Noll, K.-P. Vo, http://www.isthe.com/chongo/tech/comp/fnv/
 */
function hashOf(text: string): string {
  let hash = OFFSET_BASIS
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    hash = BigInt.asUintN(64, (hash ^ BigInt(unit & 0xff)) * PRIME)
    hash = BigInt.asUintN(64, (hash ^ BigInt(unit >> 8)) * PRIME)
  }
  return hash.toString(16).padStart(16, '0')
}
