/**
 * The three static files, under names that hold a hash of their content, so that browsers may keep them for ever.
 *
 * htmx comes from its own package, with its extensions behind it in one file: as separate deferred files they lose a
 * race against its start.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'
import { ICON } from './icon.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'

export type Asset = {
  /** `dashboard.3f2a….css` */
  readonly name: string
  readonly type: string
  readonly body: Uint8Array<ArrayBuffer>
  readonly gzipped: Uint8Array<ArrayBuffer>
}

export type Assets = {
  readonly script: Asset
  readonly style: Asset
  readonly icon: Asset
  readonly byName: ReadonlyMap<string, Asset>
}

const HTMX_FILES = ['htmx.min.js', 'ext/hx-sse.min.js', 'ext/hx-csp.min.js', 'ext/hx-ptag.min.js']

let assets: Assets | undefined

/** Read and hashed once a process. */
export function loadAssets(): Assets {
  assets ??= readAssets()
  return assets
}

function readAssets(): Assets {
  // Scripts of others may end without a semicolon.
  const code = [...HTMX_FILES.map(readHtmx), SCRIPT].join('\n;\n')
  const script = asset('dashboard', 'js', 'text/javascript; charset=utf-8', code)
  const style = asset('dashboard', 'css', 'text/css; charset=utf-8', STYLE)
  const icon = asset('icon', 'svg', 'image/svg+xml', ICON)
  return { script, style, icon, byName: new Map([script, style, icon].map((one) => [one.name, one])) }
}

function readHtmx(file: string): string {
  const path = createRequire(import.meta.url).resolve(`htmx.org/dist/${file}`)
  // The map is not served: without its comment nobody asks for it.
  return readFileSync(path, 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '')
}

function asset(stem: string, extension: string, type: string, text: string): Asset {
  const body = new TextEncoder().encode(text)
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 16)
  return { name: `${stem}.${hash}.${extension}`, type, body, gzipped: new Uint8Array(gzipSync(body)) }
}
