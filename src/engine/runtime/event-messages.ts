/** Events as others are told them: what the journal has, without payloads, and enough to know whose they are. */
import type { Decision } from '../core/decide.ts'
import type { SagaEvent, SagaEventType } from '../core/events.ts'
import type { Status } from '../core/machine.ts'

export type EventsOption = {
  /** Of pg-boss, in the engine's `bossSchema`. Made if there is none, used as it is if there is one. Read by the app. */
  readonly queue: string
  /** By default those that change a saga's status. */
  readonly types?: 'all' | readonly SagaEventType[]
}

/** By `status`: those that change it. */
export type ToldTypes = 'all' | 'status' | ReadonlySet<SagaEventType>

/** The data of a job in the queue of events. */
export type EventMessage = {
  [E in SagaEvent as E['type']]: Omit<E, 'at'> & {
    readonly saga: string
    readonly definition: string
    readonly version: number
    readonly key: string | null
    /** Its place in the saga's journal, from 1. Events that are not told leave gaps. */
    readonly sequence: number
    /** The moment of the decision, by the database's clock. */
    readonly at: string
    /** The saga's status after it. */
    readonly status: Status
  }
}[SagaEventType]

export function toldTypes(option: EventsOption | undefined): ToldTypes | undefined {
  if (option === undefined) return undefined
  const { types = 'status' } = option
  return typeof types === 'string' ? types : new Set(types)
}

type OfSaga = {
  readonly id: string
  readonly definition: string
  readonly version: number
  readonly key?: string | null
}

/** @param from the sequence before the first event, the status before it, and the moment in ms. */
export function messagesOf(
  types: ToldTypes,
  { id: saga, definition, version, key = null }: OfSaga,
  from: { readonly sequence: number; readonly status?: Status | undefined; readonly at: number },
  { events, changes }: Pick<Decision, 'events' | 'changes'>,
): readonly EventMessage[] {
  if (types === 'status' && changes.length === 0) return []
  const messages: EventMessage[] = []
  const at = new Date(from.at).toISOString()
  let { status } = from
  let next = 0
  events.forEach((event, position) => {
    const change = changes[next]?.at === position ? changes[next] : undefined
    if (change !== undefined) {
      status = change.to
      next += 1
    }
    const isTold = types === 'all' || (types === 'status' ? change !== undefined : types.has(event.type))
    if (!isTold) return
    const sequence = from.sequence + position + 1
    messages.push({ ...event, saga, definition, version, key, sequence, at, status } as EventMessage)
  })
  return messages
}
