/** What an export is asked for: a format, a limit, and the words by which sagas are looked for. */
import { z } from 'zod'
import { filterWords, number } from '../api/shapes/parts.ts'
import { FORMATS } from './formats.ts'
import { DEFAULT_EXPORT, MAX_EXPORT } from './stream.ts'

export const exportQuery = z.strictObject({
  format: z.enum(FORMATS).default('csv').describe('csv by default.'),
  limit: number(1, MAX_EXPORT)
    .default(DEFAULT_EXPORT)
    .describe(`Sagas at most, the newest: ${DEFAULT_EXPORT} by default, up to ${MAX_EXPORT}.`),
  ...filterWords,
})
