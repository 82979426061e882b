/** Ten thousand items, of which one fails: what the worker's process and its test both know. */
import { z } from 'zod'
import { StepRejected, sagasFor } from '../../src/index.ts'

export const ITEMS = 10_000
export const FAILS = 9_876

type Services = { readonly done: Set<number>; readonly undone: Set<number> }

const defineSaga = sagasFor<{ services: Services; tx: unknown }>()
const input = z.object({ count: z.number() })

const parts = {
  over: ({ input: { count } }: { readonly input: { readonly count: number } }) =>
    Array.from({ length: count }, (_, index) => ({ number: index, note: 'an item that says a little about itself' })),
  concurrency: 50,
  action: ({ item, services }: { readonly item: { readonly number: number }; readonly services: Services }) => {
    if (item.number === FAILS) throw new StepRejected('It is refused.')
    services.done.add(item.number)
    return { number: item.number }
  },
  compensation: (context: {
    readonly item: { readonly number: number }
    readonly result: { readonly number: number } | undefined
    readonly services: Services
  }) => {
    if (context.result?.number === context.item.number) context.services.undone.add(context.item.number)
  },
}

export const largeMaps = {
  undo: defineSaga('large-undo', { version: 1, input }).map('each', parts),
  collect: defineSaga('large-collect', { version: 1, input }).map('each', { ...parts, whenItemFails: 'collect' }),
}
