/** What results look like after JSON. */
import type { Jsonified, ResultOf } from '../../src/engine/step-types.ts'
import type { Equal, Expect } from './equal.ts'

class Order {
  readonly id: string = ''
  readonly placedAt: Date = new Date()
  total(): number {
    return 0
  }
}

class Money {
  toJSON(): { cents: number; at: Date } {
    return { cents: 0, at: new Date() }
  }
}

interface Tree {
  value: Date
  children: Tree[]
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }
type Brand = string & { readonly brand: 'Id' }

export type Claims = [
  Expect<Equal<Jsonified<string>, string>>,
  Expect<Equal<Jsonified<'a' | 2 | null>, 'a' | 2 | null>>,
  Expect<Equal<Jsonified<Brand>, Brand>>,
  Expect<Equal<Jsonified<Date>, string>>,
  Expect<Equal<Jsonified<Date | null>, string | null>>,
  Expect<Equal<Jsonified<Money>, { cents: number; at: string }>>,
  Expect<Equal<Jsonified<{ at: Date; list: { at: Date }[] }>, { at: string; list: { at: string }[] }>>,
  Expect<Equal<Jsonified<readonly [Date, number]>, readonly [string, number]>>,
  // What may be undefined may be absent.
  Expect<Equal<Jsonified<{ a: string | undefined; b?: Date; c: number }>, { a?: string; b?: string; c: number }>>,
  Expect<Equal<Jsonified<Order>, { readonly id: string; readonly placedAt: string }>>,
  Expect<Equal<Jsonified<{ a: 1; f: () => void; s: symbol; [Symbol.iterator]: 1 }>, { a: 1 }>>,
  Expect<Equal<Jsonified<Map<string, number>>, never>>,
  Expect<Equal<Jsonified<bigint>, never>>,
  Expect<Equal<Jsonified<Record<string, Date>>, { [x: string]: string }>>,
  // What nobody knows stays unknown.
  Expect<Equal<Jsonified<unknown>, unknown>>,
  // biome-ignore lint/suspicious/noExplicitAny: what an untyped client returns
  // oxlint-disable-next-line typescript/no-explicit-any -- what an untyped client returns
  Expect<Equal<Jsonified<any>, any>>,
  Expect<Equal<Jsonified<{ a: unknown }>, { a: unknown }>>,
  Expect<Equal<Jsonified<Tree>['children'][number]['children'][number]['value'], string>>,
  Expect<Equal<Extract<Jsonified<Json>, boolean>, boolean>>,
  // A function that returns nothing has no result, one that sometimes does has perhaps one.
  Expect<Equal<ResultOf<void>, undefined>>,
  Expect<Equal<ResultOf<Promise<void>>, undefined>>,
  Expect<Equal<ResultOf<Promise<Date | undefined>>, string | undefined>>,
  // oxlint-disable-next-line typescript/no-invalid-void-type -- an action that returns on one path only
  Expect<Equal<ResultOf<Promise<void | { at: Date }>>, { at: string } | undefined>>,
]
