/**
 * A worker of its own, so that its memory is measured and nothing else's:
 * `node large-map-process.ts <connection string> <undo|collect>`.
 */
import { createSagaEngine } from '../../src/index.ts'
import { ITEMS, largeMaps } from './large-map.ts'

const [connectionString = '', kind = ''] = process.argv.slice(2)
const definition = largeMaps[kind as keyof typeof largeMaps]
const services = { done: new Set<number>(), undone: new Set<number>() }
let most = 0
const engine = createSagaEngine({
  connectionString,
  definitions: [definition],
  services,
  onEvent: () => {
    most = Math.max(most, process.memoryUsage().rss)
  },
})
await engine.start()
const { id } = await engine.enqueue(definition, { count: ITEMS })
const { status } = await engine.outcome(id, { timeout: '10m' })
const { done, undone } = services
const unequal = [...done].filter((number) => !undone.has(number)).length + undone.size - done.size
process.send?.({ type: 'done', id, status, done: done.size, unequal, mostMb: most / 2 ** 20 })
await engine.stop()
process.disconnect?.()
