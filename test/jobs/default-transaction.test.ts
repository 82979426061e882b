/** The pool of transactional steps: waiting for a connection is no failure (rule 6). */
import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { defaultTransaction } from '../../src/jobs/default-transaction.ts'
import type { Pool } from '../../src/jobs/pools.ts'

/** Refuses what is more than its size, as a pool does after a while. */
function strictPool(size: number, answer: (text: string) => unknown) {
  const state = { open: 0, closed: 0, released: 0, said: [] as string[] }
  const connect = async () => {
    if (state.open === size) throw new Error('timeout exceeded when trying to connect')
    state.open += 1
    return Object.assign(new EventEmitter(), {
      query: async (text: string) => {
        state.said.push(text.split(' ')[0] ?? '')
        return answer(text)
      },
      release: (broken?: Error) => {
        state.open -= 1
        if (broken === undefined) state.released += 1
        else state.closed += 1
      },
    })
  }
  return { pool: { connect } as unknown as Pool, state }
}

const AGREES = (text: string) => ({ rows: [], command: text.toUpperCase() })

describe('a transaction of the default kind', () => {
  test('waits its turn for a connection, however many want one', async () => {
    const { pool, state } = strictPool(2, AGREES)
    const open = defaultTransaction(pool, 2)
    const order: number[] = []
    const gates = Array.from({ length: 10 }, () => Promise.withResolvers<void>())
    const runs = gates.map((gate, index) =>
      open(async () => {
        order.push(index)
        await gate.promise
        return index
      }),
    )
    for (const gate of gates) gate.resolve()
    expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(state).toMatchObject({ open: 0, released: 10, closed: 0 })
  })

  test('gives its turn back when it fails', async () => {
    const { pool, state } = strictPool(1, AGREES)
    const open = defaultTransaction(pool, 1)
    await expect(open(() => Promise.reject(new Error('no stock')))).rejects.toThrow('no stock')
    expect(await open(async () => 'next')).toBe('next')
    expect(state.said).toEqual(['begin', 'rollback', 'begin', 'commit'])
  })

  test('has failed when the server answers COMMIT with a rollback', async () => {
    const { pool } = strictPool(1, () => ({ rows: [], command: 'ROLLBACK' }))
    await expect(defaultTransaction(pool, 1)(async () => 'done')).rejects.toThrow('rolled back')
  })

  test('whose rollback is not answered gives the connection up', async () => {
    const { pool, state } = strictPool(1, (text) => (text === 'rollback' ? new Promise(() => {}) : AGREES(text)))
    const open = defaultTransaction(pool, 1)
    await expect(open(() => Promise.reject(new Error('no stock')))).rejects.toThrow('no stock')
    expect(state).toMatchObject({ open: 0, closed: 1 })
  })
})
