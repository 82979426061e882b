/** For config files: `import { defineConfig } from 'pg-saga/cli'`. */
import type { Config } from './config.ts'

export type { Config } from './config.ts'

/** As it is given: for its type. */
export function defineConfig(config: Config): Config {
  return config
}
