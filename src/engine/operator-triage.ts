/** Triage: what people make of an error group. Each change stands in the audit, in the transaction in which it is made. */
import { demand } from './access.ts'
import { type By, checkAct } from './acts.ts'
import type { Act } from './core/events.ts'
import { canonicalJson } from './definition.ts'
import { SagaError } from './errors.ts'
import type { OperatorOptions } from './operator.ts'
import { newId } from './runtime/ids.ts'
import { type AuditAbout, actByRequest, recordAct } from './store/audit.ts'
import type { Db } from './store/db.ts'
import { readErrorGroups } from './store/error-groups.ts'
import {
  isToCome,
  readTriage,
  TRIAGE_STATES,
  type Triage,
  type TriageChange,
  type TriagedGroup,
  type TriageState,
  writeTriage,
} from './store/triage.ts'

/** What is said of an error group. */
export type TriageOrder =
  | { readonly state: 'open' }
  /**
   * The error is mended. `version`: in that one of the definition, so that sagas of older ones that die of it are no
   * regression; any that does is one, where there is none.
   */
  | { readonly state: 'resolved'; readonly version?: number }
  /** Needs nobody until that moment, which is to come, or until so many more have come (1 to 1000), whichever is first; or for good. */
  | { readonly state: 'ignored'; readonly until?: Date; readonly untilMore?: number }

/** `seen`: the revision that was looked at; 0 where there was none. Another one refuses the change. */
export type TriageBy = By & { readonly seen?: number }

const MAX_MORE = 1_000
const MAX_VERSION = 2 ** 31 - 1

export async function triageGroup(
  options: OperatorOptions,
  errorGroup: string,
  order: TriageOrder,
  by: TriageBy,
): Promise<Triage> {
  const act = checkAct(by)
  const change = changeOf(order, act)
  const { state, version, until, untilMore } = change
  const about = {
    state,
    ...(version === null ? {} : { version }),
    ...(until === null ? {} : { until: until.toISOString() }),
    ...(untilMore === null ? {} : { untilMore }),
  }
  return write(options, errorGroup, { action: 'triage', change, about, act, seen: by.seen })
}

export async function noteGroup(
  options: OperatorOptions,
  errorGroup: string,
  note: string | null,
  by: Omit<TriageBy, 'reason'>,
): Promise<Triage> {
  // What is noted is all that there is to be said: it is its own reason.
  const act = checkAct({ ...by, reason: note ?? 'The note is removed.' })
  const change = { note, by: act.actor }
  return write(options, errorGroup, { action: 'note', change, about: {}, act, seen: by.seen })
}

type Writing = {
  readonly action: 'triage' | 'note'
  readonly change: TriageChange
  readonly about: AuditAbout
  readonly act: Act
  readonly seen: number | undefined
}

async function write(options: OperatorOptions, errorGroup: string, writing: Writing): Promise<Triage> {
  const { db, transaction, authorize, applier } = options
  const { schema } = applier
  const { action, change, about, act, seen } = writing
  checkSeen(seen)
  const group = await findGroup(db, schema, errorGroup)
  const { definition, step } = group
  await demand(authorize, act.actor, 'triage', { definition, errorGroup, ...(step === null ? {} : { step }) })
  await transaction(async (tx) => {
    const { actor, reason, requestId } = act
    const of = { action, actor, reason, requestId, definition, errorGroup, about }
    if (!(await recordAct(tx, schema, { id: newId(), ...of }))) {
      const earlier = await actByRequest(tx, schema, requestId)
      const isSame =
        earlier?.action === action &&
        earlier.errorGroup === errorGroup &&
        earlier.reason === reason &&
        canonicalJson({ ...earlier.about }) === canonicalJson({ ...about })
      if (isSame) return
      throw new SagaError(
        'REQUEST_REUSED',
        `The request "${requestId}" has said something else of an error group. Nothing was done: give this one a request id of its own.`,
        { details: { requestId } },
      )
    }
    // Whoever repeats what was said before is told that it was, also when that moment has come.
    if ('until' in change && change.until !== null && !(await isToCome(tx, schema, change.until))) {
      throw invalid('until', 'until is a moment that is to come')
    }
    if ((await writeTriage(tx, schema, group, change, seen)) === undefined) {
      throw new SagaError(
        'TRIAGE_CHANGED',
        `Somebody has changed what is said of error group ${errorGroup} since it was looked at. Nothing was done: look again.`,
        { details: { errorGroup } },
      )
    }
  })
  const triage = await readTriage(db, schema, errorGroup)
  if (triage === undefined) throw notFound(errorGroup)
  return triage
}

/** Of the dead letters that are in it; or as it was when somebody has made something of it. */
async function findGroup(db: Db, schema: string, errorGroup: string): Promise<TriagedGroup> {
  if (!/^[\w:.-]{1,100}$/.test(String(errorGroup))) throw notFound(errorGroup)
  const [group] = await readErrorGroups(db, schema, { errorGroup }, { cap: 1, limit: 1 })
  if (group !== undefined) {
    const { definition, step, direction, reason } = group
    return { errorGroup, definition, step, direction, reason }
  }
  const triage = await readTriage(db, schema, errorGroup)
  if (triage === undefined) throw notFound(errorGroup)
  return triage
}

function notFound(errorGroup: string): SagaError {
  return new SagaError(
    'ERROR_GROUP_NOT_FOUND',
    `No saga is in error group ${String(errorGroup).slice(0, 100)}, and nobody has made anything of it. errorGroups() has those that there are.`,
    { details: { errorGroup } },
  )
}

type StateChange = Exclude<TriageChange, { readonly note: string | null }>

/** @throws SagaError `ACT_INVALID`. */
function changeOf(order: TriageOrder, { actor, reason }: Act): StateChange {
  const { state, version, until, untilMore } = order as {
    readonly state: TriageState
    readonly version?: unknown
    readonly until?: unknown
    readonly untilMore?: unknown
  }
  if (!TRIAGE_STATES.includes(state)) throw invalid('state', `state is one of ${TRIAGE_STATES.join(', ')}`)
  if (version !== undefined && (state !== 'resolved' || !isWhole(version, MAX_VERSION))) {
    throw invalid('version', 'version is that of a definition, and goes with resolved')
  }
  if (until !== undefined && (state !== 'ignored' || !(until instanceof Date) || Number.isNaN(until.getTime()))) {
    throw invalid('until', 'until is a moment, and goes with ignored')
  }
  if (untilMore !== undefined && (state !== 'ignored' || !isWhole(untilMore, MAX_MORE))) {
    throw invalid('untilMore', `untilMore is a whole number from 1 to ${MAX_MORE}, and goes with ignored`)
  }
  return {
    state,
    version: (version as number | undefined) ?? null,
    until: (until as Date | undefined) ?? null,
    untilMore: (untilMore as number | undefined) ?? null,
    by: actor,
    why: reason,
  }
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 1 && (value as number) <= most
}

function checkSeen(seen: unknown): void {
  if (seen === undefined || (Number.isSafeInteger(seen) && (seen as number) >= 0)) return
  throw invalid('seen', 'seen is the revision that was looked at, or 0')
}

function invalid(field: string, what: string): SagaError {
  return new SagaError('ACT_INVALID', `That cannot be said of an error group: ${what}.`, { details: { field } })
}
