/**
 * Prints `N passed, N failed` from a report of vitest's json reporter and the exit code of its run:
 * `node tools/count-tests.ts report.json 0`.
 */

import { readFileSync } from 'node:fs'

type Report = {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly success: boolean
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly { status: string }[] }[]
}

const [path = 'report.json', code = '0'] = process.argv.slice(2)
const exitCode = Number(code)
const report = JSON.parse(readFileSync(path, 'utf8')) as Report

/** Files that failed outside of their tests, e.g. in an import or a hook: each counts as one. */
const failedFiles = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every((result) => result.status !== 'failed'),
).length
const failed = report.numFailedTests + failedFiles

// A rejection that nobody handled fails the run and stands in no test: it must not read as 0 failed.
const unaccounted = failed === 0 && (!report.success || exitCode !== 0) ? 1 : 0
console.log(`${report.numPassedTests} passed, ${failed + unaccounted} failed`)
