/** Sagas that are started by the clock: what an engine is told, checked where it is said. */
import { NAME_PATTERN } from './core/blueprint.ts'
import type { AnyDefinition, Contract, InputOf } from './definition.ts'
import { SagaError } from './errors.ts'

export type ScheduleOptions<Input> = {
  /** Identifies it for all engines: the keys of its sagas begin with it. */
  readonly name: string
  /** A cron expression, or an RRULE, as pg-boss takes them. */
  readonly cron: string
  /** `UTC` by default. */
  readonly tz?: string
  /** As `enqueue` takes it; or what gives it, for the moment at which the start was due. */
  readonly input: Input | ((at: Date) => Input | Promise<Input>)
  /** What was due while no worker ran is made up for `once`, which is the default, or not at all: `skip`. */
  readonly missed?: 'once' | 'skip'
}

export type Schedule = {
  readonly name: string
  readonly definition: AnyDefinition | Contract
  readonly cron: string
  readonly tz: string
  readonly input: (at: Date) => unknown
  readonly missed: 'once' | 'skip'
}

/**
 * Starts a saga of this definition whenever it is due, once for all engines that have the schedule. The saga's key is
 * `<name>@<moment>`.
 *
 * @throws SagaError `OPTION_INVALID`.
 */
export function defineSchedule<D extends AnyDefinition | Contract>(
  definition: D,
  options: ScheduleOptions<InputOf<D>>,
): Schedule {
  const { name, cron, tz = 'UTC', input, missed = 'once' } = options
  const invalid = (what: string) =>
    new SagaError('OPTION_INVALID', `The schedule ${JSON.stringify(name)} cannot be: ${what}.`)
  if (typeof name !== 'string' || !NAME_PATTERN.test(name))
    throw invalid('its name is of small letters, digits and hyphens')
  if (typeof cron !== 'string' || cron.trim() === '') throw invalid('cron is a cron expression, or an RRULE')
  if (typeof tz !== 'string') throw invalid('tz is the name of a time zone')
  if (missed !== 'once' && missed !== 'skip') throw invalid("missed is 'once' or 'skip'")
  if (input === undefined) throw invalid('input is missing')
  const inputAt = typeof input === 'function' ? (input as (at: Date) => unknown) : () => input
  return { name, definition, cron, tz, input: inputAt, missed }
}

/** @throws SagaError `OPTION_INVALID` where two have one name. */
export function checkSchedules(schedules: readonly Schedule[]): void {
  const names = new Set<string>()
  for (const { name } of schedules) {
    if (names.has(name))
      throw new SagaError('OPTION_INVALID', `Two schedules are called ${name}. Give one of them another name.`)
    names.add(name)
  }
}
