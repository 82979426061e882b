/**
 * A worker whose actions never end, or end at once, or that ends itself at a named point:
 * `node holder-process.ts <connection string> <holds|frees> [<fault point> <nth time>]`.
 */
import { composeEngine } from '../../src/compose/engine.ts'
import { held, heldFew, inLine } from './held.ts'

const [connectionString = '', kind, point, nth = '1'] = process.argv.slice(2)
let times = 0
const engine = composeEngine(
  {
    connectionString,
    definitions: [held, heldFew, inLine],
    services: {
      run: () => {
        process.send?.({ type: 'ran' })
        return kind === 'holds' ? new Promise<void>(() => {}) : Promise.resolve()
      },
    },
    onEvent: (event) => {
      if (event.type === 'taken_over') process.send?.(event)
    },
  },
  (at) => {
    if (at === point) times += 1
    if (times === Number(nth) && at === point) process.kill(process.pid, 'SIGKILL')
  },
)
process.on('disconnect', () => process.exit(0))
await engine.start()
process.send?.({ type: 'ready' })
