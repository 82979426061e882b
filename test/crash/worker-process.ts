/**
 * A worker as a process of its own, to be killed: from outside, or by itself at a named point.
 *
 * `node worker-process.ts <connection string> <fault percent> [<fault point> <nth time>]`. Says `ready`, what it
 * took over, and ends when its parent does.
 */
import pg from 'pg'
import { composeEngine } from '../../src/compose/engine.ts'
import type { FaultPoint } from '../../src/engine/runtime/ports.ts'
import { Gateway, TOLD, transfer } from './transfers.ts'
import { tree } from './trees.ts'

const [connectionString = '', percent = '0', point, nth = '1'] = process.argv.slice(2)

const pool = new pg.Pool({ connectionString, max: 10 })
pool.on('error', () => {})

let times = 0
function faults(at: FaultPoint): void {
  if (at !== point) return
  times += 1
  if (times < Number(nth)) return
  process.send?.({ type: 'dying', at })
  process.kill(process.pid, 'SIGKILL')
}

const engine = composeEngine(
  {
    connectionString,
    definitions: [transfer, tree],
    services: { gateway: new Gateway(pool), faultPercent: Number(percent) },
    concurrency: 50,
    events: TOLD,
    drainGrace: '5s',
    onEvent: (event) => {
      if (event.type !== 'committed') process.send?.(event)
    },
  },
  faults,
)

process.on('disconnect', () => process.exit(0))
process.on('message', (message) => {
  if (message === 'stop') void engine.stop().then(() => process.exit(0))
})
await engine.start()
process.send?.({ type: 'ready', worker: engine.workerId })
