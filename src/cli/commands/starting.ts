/** Starting a saga by hand. */
import { SagaError } from '../../index.ts'
import { UsageError } from '../exit.ts'
import { example, json } from '../options.ts'
import type { AddTo } from '../session.ts'
import { definitionsOf } from './code.ts'

type Given = {
  readonly key?: string
  readonly id?: string
  readonly tag?: readonly string[]
  readonly startAt?: string
  readonly correctionOf?: string
  readonly definitionVersion?: string
}

export const addStarting: AddTo = (program, session) => {
  example(
    program
      .command('enqueue <definition> <input>')
      .description('Starts a saga. The input is JSON, and is checked by the definition.')
      .option('--key <key>', 'the same one starts once')
      .option('--id <id>', 'a UUIDv7 of your own')
      .option('--tag <tag...>', 'tags')
      .option('--correction-of <id>', 'the saga whose harm this one makes good')
      .option('--start-at <moment>', 'not before')
      .option('--definition-version <number>', 'of the definition; the newest, where nothing is said'),
    `enqueue order '{"nr":1}' --key order-1`,
  ).action(async (name: string, input: string, given: Given) => {
    const definitions = await definitionsOf(session)
    const { definitionVersion } = given
    if (definitionVersion !== undefined && !/^\d{1,9}$/.test(definitionVersion)) {
      throw new UsageError(`--definition-version is a whole number, not ${JSON.stringify(definitionVersion)}.`)
    }
    const named = definitions.filter(
      (definition) =>
        definition.name === name &&
        (given.definitionVersion === undefined || definition.version === Number(given.definitionVersion)),
    )
    const definition = named.toSorted((a, b) => b.version - a.version)[0]
    if (definition === undefined) {
      const known = [...new Set(definitions.map((one) => `${one.name} v${one.version}`))].join(', ')
      throw new SagaError(
        'DEFINITION_UNKNOWN',
        `There is no definition ${name}${definitionVersion === undefined ? '' : ` v${definitionVersion}`}. There are: ${known}.`,
      )
    }
    const started = await session.withClient((client) =>
      client.enqueue(definition, json('The input', input) as never, {
        actor: session.actor,
        ...(given.key === undefined ? {} : { key: given.key }),
        ...(given.id === undefined ? {} : { id: given.id }),
        ...(given.tag === undefined ? {} : { tags: given.tag }),
        ...(given.correctionOf === undefined ? {} : { correctionOf: given.correctionOf }),
        ...(given.startAt === undefined ? {} : { startAt: new Date(given.startAt) }),
      }),
    )
    session.printer.one(started, () => (started.created ? started.id : `${started.id}, which was there already`))
  })
}
