/** What the types know of parallel groups and branches, and what does not compile. */
import { z } from 'zod'
import { type Collected, type ResultsOf, sagasFor } from '../../src/index.ts'
import type { Equal, Expect } from './equal.ts'

const defineSaga = sagasFor<{ services: { post(to: string): Promise<number> }; tx: { write(text: string): void } }>()
const start = defineSaga('order', { version: 1, input: z.object({ to: z.string() }) }).step('pay', {
  action: () => ({ at: new Date() }),
})

export const tree = start
  .parallel('tell', (group) =>
    group
      .step('email', {
        action: ({ results, services, input }) => {
          type _Claims = [Expect<Equal<keyof typeof results, 'pay'>>, Expect<Equal<typeof results.pay.at, string>>]
          return services.post(input.to)
        },
        compensation: ({ result }) => {
          result satisfies number | undefined
        },
      })
      .lane((lane) =>
        lane
          .transactionalStep('label', {
            action: ({ results, tx }) => {
              type _Claims = [Expect<Equal<keyof typeof results, 'pay'>>]
              tx.write('label')
              return 'x' as const
            },
          })
          .step('pick', {
            action: ({ results }) => {
              type _Claims = [Expect<Equal<keyof typeof results, 'pay' | 'label'>>]
              return [results.label]
            },
          }),
      ),
  )
  .branch('ship', ({ results }) => (results.email > 1 ? 'express' : null), {
    express: (way) => way.step('fly', { action: ({ results }) => results.pick.length }),
    slow: (way) => way.step('drive', { action: () => 'slowly' }).step('hand-over', { action: () => true }),
  })
  .step('close', {
    action: ({ results }) => {
      type _Claims = [
        Expect<Equal<typeof results.email, number>>,
        Expect<Equal<typeof results.fly, number | undefined>>,
        Expect<Equal<(typeof results)['hand-over'], boolean | undefined>>,
      ]
      return results.drive ?? 'not at all'
    },
  })

type _Results = Expect<
  Equal<keyof ResultsOf<typeof tree>, 'pay' | 'email' | 'label' | 'pick' | 'fly' | 'drive' | 'hand-over' | 'close'>
>

start.parallel('all', (group) =>
  // @ts-expect-error The name of a step before the group.
  group.step('pay', { action: () => 1 }),
)
start.parallel('all', (group) =>
  group
    .step('one', { action: () => 1 })
    // @ts-expect-error The name of a sibling.
    .step('one', { action: () => 2 }),
)
start.parallel('all', (group) =>
  group.step('one', { action: () => 1 }).step('two', {
    // @ts-expect-error A sibling's result.
    action: ({ results }) => results.one,
  }),
)
// @ts-expect-error A group cannot be the pivot.
start.parallel('all', (group) => group.step('one', { action: () => 1 }).pivot())
// @ts-expect-error No such option.
start.branch('way', () => 'there', { here: (way) => way.step('one', { action: () => 1 }) })
// @ts-expect-error An option that adds nothing to what it was given.
start.branch('way', () => 'here', { here: () => 1 })

const mapped = start
  .map('each', {
    over: ({ input: { to } }) => [{ to, at: new Date() }],
    action: ({ item, index }) => {
      type _Claims = [Expect<Equal<typeof item, { to: string; at: string }>>, Expect<Equal<typeof index, number>>]
      return { sent: item.to.length }
    },
    compensation: ({ item, result }) => [item.at, result?.sent],
  })
  .map('ask', { over: () => [1, 2], whenItemFails: 'collect', action: ({ item }) => item > 1 })
  .step('count', {
    action: ({ results }) => {
      type _Claims = [
        Expect<Equal<typeof results.each, readonly { sent: number }[]>>,
        Expect<Equal<typeof results.ask, readonly Collected<boolean>[]>>,
      ]
      return results.ask.filter((answer) => answer.ok && answer.result).length
    },
  })

type _Mapped = Expect<Equal<keyof ResultsOf<typeof mapped>, 'pay' | 'each' | 'ask' | 'count'>>

const fallen = start
  .step('card', { action: () => ({ card: 1 }) })
  .fallback('invoice', {
    for: ['DECLINED'],
    action: ({ results }) => {
      type _Claims = [Expect<Equal<keyof typeof results, 'pay'>>]
      return { invoice: 'x' }
    },
  })
  .step('ship', {
    action: ({ results }) => {
      type _Claims = [
        Expect<Equal<typeof results.card, { card: number } | undefined>>,
        Expect<Equal<typeof results.invoice, { invoice: string } | undefined>>,
      ]
    },
  })

type _Fallen = Expect<Equal<keyof ResultsOf<typeof fallen>, 'pay' | 'card' | 'invoice' | 'ship'>>

// @ts-expect-error A fallback says for which errors it runs.
start.step('card', { action: () => 1 }).fallback('invoice', { action: () => 2 })

start.step('far', {
  action: async ({ checkpoint, checkpointed }) => {
    type _Claims = [Expect<Equal<typeof checkpointed, unknown>>]
    await checkpoint({ at: 1 })
  },
})

start.transactionalStep('near', {
  // @ts-expect-error What is written through the transaction is all or nothing: there is no way half through.
  action: ({ checkpoint }) => checkpoint(1),
})
