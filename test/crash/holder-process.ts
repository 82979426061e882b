/** A worker whose actions never end, or end at once: `node holder-process.ts <connection string> <holds|frees>`. */
import { createSagaEngine } from '../../src/index.ts'
import { held, heldFew } from './held.ts'

const [connectionString = '', kind] = process.argv.slice(2)
const engine = createSagaEngine({
  connectionString,
  definitions: [held, heldFew],
  services: {
    run: () => {
      process.send?.({ type: 'ran' })
      return kind === 'holds' ? new Promise<void>(() => {}) : Promise.resolve()
    },
  },
  onEvent: (event) => {
    if (event.type === 'taken_over') process.send?.(event)
  },
})
process.on('disconnect', () => process.exit(0))
await engine.start()
process.send?.({ type: 'ready' })
