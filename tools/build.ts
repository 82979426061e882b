/** Builds `dist` from nothing: the compiled modules with their declarations, and the files beside them that are no modules. */

import { spawnSync } from 'node:child_process'
import { cpSync, rmSync, statSync } from 'node:fs'
import { extname, join } from 'node:path'

const root = join(import.meta.dirname, '..')
const source = join(root, 'src')
const target = join(root, 'dist')

rmSync(target, { recursive: true, force: true })

const compiler = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (compiler.error) throw compiler.error
if (compiler.status !== 0) process.exit(compiler.status ?? 1)

cpSync(source, target, {
  recursive: true,
  filter: (path) => statSync(path).isDirectory() || !['.ts', '.json', '.md'].includes(extname(path)),
})
