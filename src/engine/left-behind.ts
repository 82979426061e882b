/** What a deploy would leave without code: sagas in flight, dead letters, and what SQL users have asked to be started. */
import { differences, namesIn } from './core/shapes.ts'
import type { Definition } from './definition.ts'
import { readBlueprints } from './store/blueprints.ts'
import type { Db } from './store/db.ts'
import { readFlights } from './store/flights.ts'

export type LeftBehind = {
  readonly definition: string
  readonly version: number
  /** Under way. */
  readonly sagas: number
  readonly deadLetters: number
  /** Asked for by SQL, and not started yet. */
  readonly commands: number
  /** The code is gone; or it has another shape than these sagas. */
  readonly why: 'missing' | 'changed'
  readonly differences?: readonly string[]
}

export type DeployReport = {
  readonly leftBehind: readonly LeftBehind[]
  /** There was more than could be looked at: only the oldest million of a status. */
  readonly isCut: boolean
}

/** What is not finished, and what no code of these definitions could carry on. Transaction: one of ours. */
export async function leftBehindBy(db: Db, schema: string, definitions: readonly Definition[]): Promise<DeployReport> {
  const known = new Map(definitions.map(({ name, version, blueprint }) => [`${name}@${version}`, blueprint]))
  const { flights, isCut } = await readFlights(db, schema)
  const hashes = flights.flatMap(({ blueprint }) => blueprint ?? [])
  const shapes = new Map((await readBlueprints(db, schema, hashes)).map((one) => [one.hash, one.blueprint]))
  const leftBehind = flights.flatMap((flight): readonly LeftBehind[] => {
    const { definition, version, blueprint, sagas, deadLetters, commands } = flight
    const about = { definition, version, sagas: sagas - deadLetters, deadLetters, commands }
    const code = known.get(`${definition}@${version}`)
    if (code === undefined) return [{ ...about, why: 'missing' }]
    // One that was started without a shape takes that of the code.
    const shape = blueprint === null ? undefined : shapes.get(blueprint)
    if (shape === undefined || namesIn(shape, code) !== undefined) return []
    return [{ ...about, why: 'changed', differences: differences(shape, code) }]
  })
  return { leftBehind, isCut }
}
