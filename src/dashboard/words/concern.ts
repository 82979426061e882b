/** Something that needs somebody: what is the matter, in a sentence, and where to look. */
import type { Sign } from './states.ts'

export type Concern = {
  readonly sign: Sign
  readonly says: string
  readonly link: {
    readonly label: string
    readonly path: string
    readonly query?: Readonly<Record<string, string | undefined>>
  }
}

/** Something does not go on. */
export const bad = (word: string): Sign => ({ word, icon: 'alert', tone: 'bad' })
/** Something will not, if nobody looks. */
export const care = (word: string): Sign => ({ word, icon: 'clock', tone: 'care' })
