/**
 * A worker as a process of its own: `node worker-process.ts <connection string> <ledger>`. Tells its parent what happens
 * to it and under which name, puts its clock wrong when it is told to, and ends when its parent does.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { createSagaEngine, SagaError, type WorkerEvent } from '../../src/index.ts'
import { LedgerClient } from './ledger-client.ts'
import { DEFINITIONS, TOLD } from './load.ts'
import { skewBy } from './skew.ts'

const START_AGAIN_MS = 200

const [connectionString = '', ledger = ''] = process.argv.slice(2)

const say = (message: object) => {
  if (process.connected) process.send?.(message, () => {})
}

const engine = createSagaEngine({
  connectionString,
  definitions: DEFINITIONS,
  services: { ledger: new LedgerClient(ledger) },
  events: TOLD,
  concurrency: 12,
  migrate: false,
  drainGrace: '10s',
  watchdogEvery: '1s',
  onEvent: (event) => {
    if (event.type === 'watched') watched(event.report)
    else if (event.type !== 'committed' && event.type !== 'fetched') say({ ...event, by: engine.workerId })
  },
  logger: {
    debug: (details, text) => tell('debug', details, text),
    info: (details, text) => tell('info', details, text),
    warn: (details, text) => tell('warn', details, text),
    error: (details, text) => tell('error', details, text),
  },
})

function watched({ mended, left }: Extract<WorkerEvent, { readonly type: 'watched' }>['report']): void {
  const what = [...mended, ...left].slice(0, 3).map((one) => JSON.stringify(one))
  say({ type: 'watched', mended: mended.length, what: what.join(' '), by: engine.workerId })
}

/** Kept by the parent, and shown when something is broken. */
function tell(level: string, details: object, text: string): void {
  say({ type: 'log', line: `${level} ${text} ${JSON.stringify(details)}` })
}

process.on('disconnect', () => process.exit(0))
// Ctrl-C reaches the whole group: the parent decides when its workers stop.
process.on('SIGINT', () => {})
process.on('message', (message: 'stop' | { readonly skewMs: number }) => {
  if (message === 'stop') void engine.stop().then(() => process.exit(0))
  else skewBy(message.skewMs)
})
for (;;) {
  try {
    await engine.start()
    break
  } catch (error) {
    // Started while the server is away: as a supervisor would do it, again.
    if (!(error instanceof SagaError && error.code === 'DATABASE_UNREACHABLE')) throw error
    await delay(START_AGAIN_MS)
  }
}
say({ type: 'ready', by: engine.workerId })
