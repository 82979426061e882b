/** What is left of a type after JSON. */

type AnyFunction = (...args: never[]) => unknown

/** Comes back as it went in; asked first, because types that contain themselves are JSON, mostly. */
type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Maps and sets, of whatever. */
type Collection = { readonly size: number; has(key: never): boolean }

/**
 * A value after JSON: a `Date` is a string, a property that may be undefined may be absent, methods are gone. What
 * cannot be stored (a `Map`, a big integer, …) is `never`.
 */
export type Jsonified<T> = 0 extends 1 & T
  ? T
  : unknown extends T
    ? unknown
    : T extends Json
      ? T
      : T extends undefined | void
        ? undefined
        : T extends { toJSON(...args: never[]): infer Json }
          ? Jsonified<Json>
          : T extends AnyFunction | symbol | bigint | Collection
            ? never
            : T extends readonly unknown[]
              ? { [K in keyof T]: Jsonified<T[K]> }
              : T extends object
                ? JsonObject<T>
                : never

type JsonObject<T> = Flat<
  { [K in keyof T as Key<K, T[K], 'always'>]: Jsonified<T[K]> } & {
    [K in keyof T as Key<K, T[K], 'perhaps'>]?: Jsonified<Exclude<T[K], undefined>>
  }
>

type Flat<T> = { [K in keyof T]: T[K] } & {}

/** The key, if the property is stored, and as surely as asked for. */
type Key<K, Value, Stored extends 'always' | 'perhaps'> = K extends symbol
  ? never
  : 0 extends 1 & Value
    ? Stored extends 'always'
      ? K
      : never
    : [Value] extends [AnyFunction | symbol | undefined]
      ? never
      : (undefined extends Value ? (unknown extends Value ? 'always' : 'perhaps') : 'always') extends Stored
        ? K
        : never
