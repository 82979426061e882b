/** The config file: what the program cannot know of an app. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DashboardOptions } from '../dashboard/index.ts'
import type { AnyDefinition, SagaEngineOptions } from '../index.ts'
import { UsageError } from './exit.ts'

/** An engine's options, all of them optional: commands that need one say so. */
export type Config = Partial<SagaEngineOptions<readonly AnyDefinition[]>> & {
  readonly definitions?: readonly AnyDefinition[]
  /** Of `pg-saga dashboard`. */
  readonly dashboard?: Partial<Omit<DashboardOptions, 'client'>>
}

const NAMES = ['ts', 'mts', 'js', 'mjs'].map((extension) => `pg-saga.config.${extension}`)

/** @throws UsageError for a file that is not there, does not load, or exports nothing of use. */
export async function findConfig(cwd: string, named: string | undefined): Promise<Config | undefined> {
  const path = named === undefined ? NAMES.map((name) => join(cwd, name)).find(existsSync) : resolve(cwd, named)
  if (path === undefined) return undefined
  if (!existsSync(path)) throw new UsageError(`There is no config file ${path}.`)
  let module: { readonly default?: unknown }
  try {
    module = (await import(pathToFileURL(path).href)) as typeof module
  } catch (cause) {
    throw new UsageError(
      `The config file ${path} cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    )
  }
  const config = module.default
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError(
      `The config file ${path} exports no object as its default: export default { definitions: […] }.`,
    )
  }
  return config
}
