/** What is written: tables and texts for people, JSON for programs. */
import { styleText } from 'node:util'
import type { Io } from './io.ts'

export type Printer = {
  /** Whether programs read it. */
  readonly isJson: boolean
  /** One object. */
  one: (value: object, text: () => string) => void
  /** Of a list, one line each. */
  row: (value: object) => void
  table: <T extends object>(rows: readonly T[], columns: Columns<T>) => void
  text: (line: string) => void
  style: (format: Style, text: string) => string
}

type Style = 'bold' | 'dim' | 'red' | 'yellow' | 'green' | 'cyan'

/** Text that stands out. What comes from elsewhere is plain text, and can give itself no colour. */
export type Styled = { readonly text: string; readonly format: Style }

/** By title: what stands there, of a row. */
export type Columns<T> = Readonly<Record<string, (row: T) => string | Styled>>

const GAP = 2
const NARROWEST = 8

/** @param json asked for by name; where nobody looks it is JSON anyway. */
export function printerFor(io: Io, json: boolean): Printer {
  const isJson = json || !io.isTerminal
  const hasColour = io.isTerminal && (io.env['NO_COLOR'] ?? '') === '' && io.env['TERM'] !== 'dumb'
  const style = (format: Style, text: string) => (hasColour ? styleText(format, text, { validateStream: false }) : text)
  return {
    isJson,
    style,
    one: (value, text) => io.out(isJson ? `${jsonOf(value)}\n` : `${text()}\n`),
    row: (value) => io.out(`${jsonOf(value)}\n`),
    table: (rows, columns) => {
      if (isJson) for (const row of rows) io.out(`${jsonOf(row)}\n`)
      else io.out(laidOut(rows, columns, io.width, style))
    },
    text: (line) => io.out(`${line}\n`),
  }
}

/** Columns as wide as what stands in them; where that is too wide, the widest give way. */
function laidOut<T extends object>(
  rows: readonly T[],
  columns: Columns<T>,
  width: number,
  style: (format: Style, text: string) => string,
): string {
  const titles = Object.keys(columns)
  const lines = rows.map((row) => titles.map((title) => cellOf(columns[title]?.(row) ?? '')))
  const widths = titles.map((title, at) =>
    Math.max(title.length, ...lines.map((line) => lengthOf(line[at]?.text ?? ''))),
  )
  const total = () => widths.reduce((sum, one) => sum + one, GAP * (titles.length - 1))
  while (total() > width && Math.max(...widths) > NARROWEST) {
    const widest = widths.indexOf(Math.max(...widths))
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  const laid = (cells: readonly Cell[]) => {
    const last = cells.findLastIndex(({ text }) => text !== '')
    const texts = cells.slice(0, last + 1).map(({ text, format }, at) => {
      const short = fitted(text, widths[at] ?? 0)
      const gap = at === last ? '' : ' '.repeat((widths[at] ?? 0) - lengthOf(short) + GAP)
      return `${format === undefined ? short : style(format, short)}${gap}`
    })
    return texts.join('')
  }
  const head = laid(titles.map((text): Cell => ({ text, format: 'bold' })))
  return `${[head, ...lines.map(laid)].join('\n')}\n`
}

type Cell = { readonly text: string; readonly format?: Style }

function cellOf(given: string | Styled): Cell {
  return typeof given === 'string' ? { text: clean(given) } : { text: clean(given.text), format: given.format }
}

function fitted(text: string, width: number): string {
  const letters = lettersOf(text)
  return letters.length <= width ? text : `${letters.slice(0, width - 1).join('')}…`
}

const segmenter = new Intl.Segmenter()

const lettersOf = (text: string) => [...segmenter.segment(text)].map(({ segment }) => segment)
const lengthOf = (text: string) => lettersOf(text).length

/** What comes from payloads and errors must not speak to the terminal. */
export function clean(text: string): string {
  return text.replace(/\p{Cc}|\p{Bidi_Control}/gu, ' ')
}

/** Control characters that JSON leaves as they are would speak to a terminal, too. */
export function jsonOf(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(/[\u007f-\u009f]|\p{Bidi_Control}/gu, (letter) => {
    return `\\u${(letter.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
  })
}

/** A moment, for people. */
export function at(moment: Date | null | undefined): string {
  return moment === null || moment === undefined
    ? ''
    : moment
        .toISOString()
        .replace('T', ' ')
        .replace(/\.\d+Z$/, 'Z')
}
