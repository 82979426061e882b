/**
 * Whose fault an error is: that of what was to be written, or of the database's state at that moment.
 *
 * Only the first may cost an attempt. A disk that is full, a lock that is not free, a standby that is not yet promoted
 * say nothing about the result that could not be written: it is kept, and written later.
 */
import { isConnectionError, sqlState } from '../engine/store/db.ts'

/** Data exceptions, violated constraints, limits of the program: another try ends the same way. */
const OF_THE_DATA = /^(22|23|54)/

/** Read-only, no resources, no lock, ended by an administrator or a limit, I/O. */
const OF_THE_MOMENT = /^(25006|53...|55P03|57...|58...)$/

/** Read-only, no disk, no memory, I/O: what a statement can do nothing about. Limits that it has passed are its own. */
const OF_THE_SERVER = /^(25006|53[0-3]..|58...)$/

/** The transaction was idle, or open, for longer than it may be. */
const OUT_OF_TIME = /^25P0[34]$/

/**
 * What was to be written cannot be, now or later. Errors without an SQLSTATE are ours: a batch that was incomplete, a
 * blueprint that is missing, or a plain bug.
 */
export function isOfTheData(error: unknown): boolean {
  const state = sqlState(error)
  return !isConnectionError(error) && (state === undefined || OF_THE_DATA.test(state))
}

/** Somebody else held a lock for longer than was waited for it. */
export function isLockedOut(error: unknown): boolean {
  return sqlState(error) === '55P03'
}

/** The database could not do it at that moment, whatever it was asked. */
export function isOfTheMoment(error: unknown): boolean {
  const state = sqlState(error)
  return isConnectionError(error) || (state !== undefined && OF_THE_MOMENT.test(state))
}

/** The database has ended the transaction for taking too long: the next one would not be faster. */
export function isOutOfTime(error: unknown): boolean {
  return OUT_OF_TIME.test(sqlState(error) ?? '')
}

/** The server could not do it, whoever asked: a standby that is not promoted yet, a full disk. */
export function isOfTheServer(error: unknown): boolean {
  return OF_THE_SERVER.test(sqlState(error) ?? '')
}
