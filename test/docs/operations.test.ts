/** The runbooks of docs/operations.md, each command in its order, against the incident that it is about. */
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { AnyDefinition, DoctorReport, SagaClient, SagaEngine } from '../../src/index.ts'
import { call } from '../cli/terminal.ts'
import { type TestDatabase, testDatabase } from '../support/database.ts'
import { startEngine, stopEngine } from '../support/engine.ts'
import { brokenRules } from '../support/rules.ts'
import { until } from '../support/waiting.ts'
import { declared, order, sale, takeBack, type World } from './incidents/definitions.ts'
import { readPage } from './markdown.ts'

type Part =
  | { readonly kind: 'incident'; readonly name: string }
  | { readonly kind: 'scene'; readonly name: string }
  | {
      readonly kind: 'commands'
      readonly lines: readonly string[]
      readonly fails: number
      readonly each: string | undefined
    }

const PARTS = /<!-- (incident|scene): (.+?) -->|^```sh run([^\n]*)\n([\s\S]*?)^```$/gm

function partsOf(text: string): readonly Part[] {
  return [...text.matchAll(PARTS)].map(([, kind, name = '', options = '', code = '']): Part => {
    if (kind === 'incident' || kind === 'scene') return { kind, name }
    const lines = code.split('\n').filter((line) => line.startsWith('pg-saga '))
    return {
      kind: 'commands',
      lines: lines.map((line) => line.slice('pg-saga '.length)),
      fails: Number(/fails=(\d)/.exec(options)?.[1] ?? 0),
      each: /each=(\w+)/.exec(options)?.[1],
    }
  })
}

/** What happens beside the commands, and what has to be so in the end. */
type Incident = {
  begin: () => Promise<void>
  scenes: { readonly [name: string]: () => Promise<void> }
  /** Of a block that is done for each of several. */
  each?: () => Promise<readonly { readonly [name: string]: string }[]>
  end: () => Promise<void>
}

const folder = mkdtempSync(join(import.meta.dirname, '.incidents-'))
cpSync(join(import.meta.dirname, 'incidents'), folder, { recursive: true })
const databases: TestDatabase[] = []
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  for (const database of databases) {
    expect(await brokenRules(database.pool)).toEqual([])
    await database.drop()
  }
})

async function begin(engine: SagaEngine, definition: unknown, inputs: readonly object[]): Promise<void> {
  await engine.enqueueMany(definition as AnyDefinition, inputs.map((input) => ({ input })) as never)
}
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
const atRest = (client: SagaClient) =>
  until(
    'all is at rest',
    async () => (await client.list({ status: ['pending', 'running', 'compensating'] })).sagas.length === 0,
  )

function incidents(connectionString: string): { readonly [name: string]: Incident } {
  const world: World = { isProviderUp: true, refundsTwice: false, refunds: new Map() }
  let engine: SagaEngine
  const start = async (build: string, definitions: readonly unknown[]) => {
    engine = await startEngine(connectionString, definitions as readonly AnyDefinition[], { services: world, build })
  }
  const counted = async (definition: string) => engine.count({ definition })
  return {
    'provider-down': {
      begin: async () => {
        world.isProviderUp = false
        await start('a', [order])
        await begin(
          engine,
          order,
          numbers(1, 5).map((nr) => ({ nr })),
        )
        await until('five have used up their attempts', async () => (await counted('order')).dead_lettered === 5)
      },
      scenes: {
        'the provider is back': async () => {
          await begin(
            engine,
            order,
            numbers(6, 20).map((nr) => ({ nr })),
          )
          await until('fifteen wait', async () => (await engine.operator.holds())[0]?.waiting === 15)
          world.isProviderUp = true
        },
        'all is at rest': async () => {
          await atRest(engine)
          await until('all are retried', async () => (await counted('order')).dead_lettered === 0)
        },
      },
      end: async () =>
        expect(await counted('order')).toMatchObject({ completed: 20, dead_lettered: 0, compensated: 0 }),
    },
    'renamed-step': {
      begin: async () => {
        await start('a', [order])
        const hold = { definition: 'order', step: 'charge' }
        await engine.operator.hold(hold, { actor: 'ada', reason: 'so that some are in flight' })
        await begin(
          engine,
          order,
          numbers(1, 3).map((nr) => ({ nr })),
        )
        await until('three wait', async () => (await engine.operator.holds())[0]?.waiting === 3)
        expect((await call(connectionString, ['check', '--write'], { cwd: folder })).code).toBe(0)
      },
      scenes: {
        'the declared rename is deployed': async () => {
          const [hold] = await engine.operator.holds()
          await stopEngine(engine)
          await start('b', [declared])
          await engine.operator.release(hold?.id ?? '', { actor: 'ada', reason: 'deployed' })
          await atRest(engine)
        },
      },
      end: async () => expect(await counted('order')).toMatchObject({ completed: 3 }),
    },
    'double-refund': {
      begin: async () => {
        world.refundsTwice = true
        await start('b', [sale, takeBack])
        await begin(
          engine,
          sale,
          numbers(1, 4).map((customer) => ({ customer })),
        )
        await atRest(engine)
        expect([...world.refunds.values()]).toEqual([2, 2, 2, 2])
      },
      scenes: {
        'the repaired code is deployed': async () => {
          await begin(
            engine,
            sale,
            numbers(5, 6).map((customer) => ({ customer })),
          )
          await until('two wait to be undone', async () => (await engine.operator.holds())[0]?.waiting === 2)
          await stopEngine(engine)
          world.refundsTwice = false
          await start('c', [sale, takeBack])
        },
        'all is at rest': () => atRest(engine),
      },
      each: async () => {
        const { sagas } = await engine.list({ compensatedStep: { step: 'charge', build: 'b' } })
        const inputs = await Promise.all(sagas.map(async ({ id }) => ({ id, input: (await engine.get(id))?.input })))
        return inputs.map(({ id, input }) => ({ SAGA: id, CUSTOMER: String((input as { customer: number }).customer) }))
      },
      end: async () => {
        expect([...world.refunds.entries()].toSorted(([a], [b]) => a - b).map(([, count]) => count)).toEqual([
          1, 1, 1, 1, 1, 1,
        ])
        expect((await counted('take-back')).completed).toBe(4)
      },
    },
  }
}

type Names = { [name: string]: string }

/** Later commands name what these have made. */
function remember(names: Names, rows: readonly unknown[]): void {
  for (const row of rows as readonly { readonly holdId?: string; readonly id?: string; readonly verb?: string }[]) {
    if (row.holdId !== undefined) names['HOLD'] = row.holdId
    else if (row.verb !== undefined && row.id !== undefined) names['OPERATION'] = row.id
  }
}

function words(line: string, names: Names): readonly string[] {
  const all = [...line.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? '')
  return all.map((word) =>
    word.replace(
      /\$([A-Z]+)/g,
      (_all, name: string) => names[name] ?? expect.fail(`Nothing was printed that is called ${name}: ${line}`),
    ),
  )
}

describe('the runbook', () => {
  const { text } = readPage('docs/operations.md')
  const sections = text.split(/^## /m).filter((section) => section.includes('<!-- incident: '))

  test('is there for three incidents', () => {
    expect(sections).toHaveLength(3)
  })

  test.each(sections.map((section) => [section.split('\n')[0] ?? '', partsOf(section)] as const))(
    '“%s” ends the incident',
    async (_title, parts) => {
      const database = await testDatabase()
      databases.push(database)
      const all = incidents(database.connectionString)
      const [first, ...rest] = parts
      const incident =
        all[first?.kind === 'incident' ? first.name : ''] ?? expect.fail('The section begins with no incident.')
      await incident.begin()
      const names: Names = {}
      for (const part of rest) {
        if (part.kind === 'incident') expect.fail('One section is about one incident.')
        else if (part.kind === 'scene')
          await (incident.scenes[part.name] ?? expect.fail(`There is no scene “${part.name}”.`))()
        else {
          for (const more of part.each === undefined ? [{}] : ((await incident.each?.()) ?? [])) {
            for (const line of part.lines) {
              const answer = await call(database.connectionString, words(line, { ...names, ...more }), { cwd: folder })
              // A server of tests may do without fsync, and be slow: that is all that the doctor finds then.
              const [report] = answer.rows as readonly Partial<DoctorReport>[]
              const wrong = report?.findings?.filter(({ level }) => level === 'warning' || level === 'error') ?? []
              expect(
                wrong.filter(({ check, says }) => check !== 'fetching' && !says.startsWith('fsync is off')),
              ).toEqual([])
              const code = wrong.length > 0 ? 1 : part.fails
              expect(`${line}: ${answer.code} ${answer.err}`).toBe(`${line}: ${code} `)
              remember(names, answer.rows)
            }
          }
        }
      }
      await incident.end()
    },
  )
})
