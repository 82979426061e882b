#!/usr/bin/env node
/** The program `pg-saga`. What it is made of needs a Node of today, so that it says so before it loads any of it. */
import { nodeProblem } from './node-version.ts'

const problem = nodeProblem(process.versions.node)
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`)
  process.exitCode = 2
} else {
  const { main, ownIo } = await import('./main.ts')
  process.exitCode = await main(process.argv.slice(2), ownIo())
}
