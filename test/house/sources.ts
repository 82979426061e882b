/** The source files of the package, read once. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A path from the project's root with forward slashes, e.g. `src/engine/core/decide.ts`, and its text. */
export type SourceFile = { readonly path: string; readonly text: string }

const root = join(import.meta.dirname, '..', '..')

export function readSources(): readonly SourceFile[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({
      path: path
        .slice(root.length + 1)
        .split('\\')
        .join('/'),
      text: readFileSync(path, 'utf8'),
    }))
    .sort((a, b) => a.path.localeCompare(b.path))
}

/** The text without comments, and without what template strings say: either may hold code that is only quoted. */
export function withoutQuotedCode(text: string): string {
  const tokens = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g
  return text.replace(tokens, (token) => {
    if (token.startsWith('/')) return ' '
    return token.startsWith('`') && !/^`[^$]*`$/.test(token.replace(/\n/g, ' $')) ? '``' : token
  })
}
