/** The project's pages, and what the tests want to know of them: code, links, headings. */

import { globSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

export const ROOT: string = join(import.meta.dirname, '..', '..')

/** A path from the project's root with forward slashes, e.g. `docs/concepts.md`, and its text. */
export type Page = { readonly path: string; readonly text: string }

const pages = ['*.md', 'docs/**/*.md', 'bench/*.md', 'bench/rivals/*.md', 'demo/**/*.md', 'examples/**/*.md']

/** Every page that is ours. */
export function readPages(): readonly Page[] {
  return globSync(pages, { cwd: ROOT })
    .map((path) => path.split(sep).join('/'))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
}

export function readPage(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), 'utf8') }
}

/** `info` is what stands behind the opening fence, e.g. `ts run`. */
export type CodeBlock = { readonly info: string; readonly code: string }

/** The fenced blocks, in order. */
export function codeBlocks(text: string): readonly CodeBlock[] {
  const fence = /^```([^\n`]*)\n([\s\S]*?)^```$/gm
  return [...text.matchAll(fence)].map(([, info = '', code = '']) => ({ info: info.trim(), code }))
}

function withoutCode(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '')
}

/** Where its links lead, but for those into the web. */
export function relativeLinks(text: string): readonly string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
  return targets.filter((target) => !/^(?:https?:|mailto:)/.test(target))
}

/** The anchors that its headings make, as GitHub makes them. */
export function anchors(text: string): readonly string[] {
  const headings = [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.+)$/gm)]
  return headings.map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replace(/ /g, '-'),
  )
}
