/**
 * A worker as a process of its own, with tracing: `node worker-process.ts <connection string> <url> <build>`. It sends each
 * span that ends to its parent.
 */
import { createSagaEngine } from '../../src/index.ts'
import { registerTracing } from '../support/traces.ts'
import { order } from './order.ts'

const [connectionString = '', url = '', build = ''] = process.argv.slice(2)

registerTracing((span) => process.send?.({ type: 'span', span }))
const engine = createSagaEngine({ connectionString, definitions: [order], services: { url }, build, drainGrace: '5s' })

process.on('disconnect', () => process.exit(0))
process.on('message', (message) => {
  if (message === 'stop') void engine.stop().then(() => process.exit(0))
})
await engine.start()
process.send?.({ type: 'ready' })
