/** Runs in each test file before its tests. */

import { beforeEach } from 'vitest'
import { noteFailure } from './failure.ts'

beforeEach(({ onTestFailed }) => {
  onTestFailed(noteFailure)
})
