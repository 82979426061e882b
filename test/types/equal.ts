/** Claims about types, held by the compiler: `type _ = Expect<Equal<A, B>>`. */

export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

export type Expect<T extends true> = T
