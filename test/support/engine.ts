/** Engines for tests: quick retries, and all of them stopped after the test that started them. */
import { afterEach } from 'vitest'
import { composeEngine } from '../../src/compose/engine.ts'
import type { FaultPoints } from '../../src/engine/runtime/ports.ts'
import type { AnyDefinition, SagaEngine } from '../../src/index.ts'

const running: SagaEngine[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((engine) => engine.stop()))
})

type Options = Parameters<typeof composeEngine>[0]

/** Started, and stopped after the test. */
export async function startEngine(
  connectionString: string,
  definitions: readonly AnyDefinition[],
  options: Partial<Options> = {},
  faults: FaultPoints = () => {},
): Promise<SagaEngine> {
  const engine = composeEngine({ connectionString, services: {}, drainGrace: '2s', ...options, definitions }, faults)
  running.push(engine)
  await engine.start()
  return engine
}

/** Stops it now, where a test is about that. */
export async function stopEngine(engine: SagaEngine): Promise<void> {
  running.splice(running.indexOf(engine), 1)
  await engine.stop()
}

export const QUICK = { maxAttempts: 3, backoff: 'fixed', initialInterval: '10ms' } as const
