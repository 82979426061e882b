/** The public API: re-exports only. */
export { fromDrizzle } from 'pg-boss'
export {
  type AppTransaction,
  createSagaClient,
  createSagaEngine,
  migrate,
  type SagaClientOptions,
  SagaEngine,
  type SagaEngineOptions,
} from './compose.ts'
export type { Action, Authorize, Target } from './engine/access.ts'
