/** Options that several commands have. */
import type { Command } from 'commander'
import { FILTER_WORDS, type FilterWord, filterFromText, type SagaFilter } from '../index.ts'
import { UsageError } from './exit.ts'

type Given = Readonly<Record<string, unknown>>

/** The parts of a filter, by the words that addresses have too. */
export function withFilter(command: Command): Command {
  for (const [word, takes] of Object.entries(FILTER_WORDS)) command.option(`--${word} <text>`, takes)
  return command
}

/** @throws SagaError `FILTER_INVALID`. */
export function filterOf(given: Given): SagaFilter {
  const words = Object.keys(FILTER_WORDS) as FilterWord[]
  const texts = words.flatMap((word): [string, string][] => {
    const text = given[camelCased(word)]
    return typeof text === 'string' ? [[word, text]] : []
  })
  return filterFromText(texts)
}

function camelCased(word: string): string {
  return word.replace(/-(.)/g, (_all, letter: string) => letter.toUpperCase())
}

/** @throws UsageError. */
export function wholeNumber(name: string): (text: string) => number {
  return (text) => {
    if (/^\d{1,9}$/.test(text)) return Number(text)
    throw new UsageError(`${name} is a whole number, not ${JSON.stringify(text)}.`)
  }
}

/** @throws UsageError. */
export function json(name: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UsageError(`${name} is not JSON: ${(cause as Error).message}.`, { cause })
  }
}

/** In the help of a command. A test runs each. */
export function example(command: Command, ...lines: readonly string[]): Command {
  const title = lines.length === 1 ? 'Example' : 'Examples'
  return command.addHelpText('after', `\n${title}:\n${lines.map((line) => `  $ pg-saga ${line}`).join('\n')}`)
}
