/** A worker that says when it is asked to pay, and never answers: it is there to be killed. */
import { createSagaEngine } from '../../src/index.ts'
import { order, type Provider } from './breaking.ts'

const [connectionString = ''] = process.argv.slice(2)

class Silent implements Provider {
  readonly says = 'up'
  readonly gate = Promise.withResolvers<void>()
  readonly calls: string[] = []

  constructor() {
    this.calls.push = (call: string) => {
      process.send?.({ type: 'pays', saga: call.split(' ')[1] })
      return 0
    }
  }
}

const engine = createSagaEngine({ connectionString, definitions: [order], services: new Silent() })
process.on('disconnect', () => process.exit(0))
await engine.start()
process.send?.({ type: 'ready' })
