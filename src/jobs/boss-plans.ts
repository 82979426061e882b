/** pg-boss's own migrations, looked at instead of made. */
import { getConstructionPlans, getMigrationPlans } from 'pg-boss'
import type { Db } from '../engine/store/db.ts'
import { KNOWN_BOSS_VERSION } from './app-boss.ts'

/** The version of its tables; 0 where there are none. */
export async function bossVersion(db: Db, bossSchema: string): Promise<number> {
  const there = await db.executeSql('select to_regclass($1::text) is not null as there', [`${bossSchema}.version`])
  if (there.rows[0]?.['there'] !== true) return 0
  const { rows } = await db.executeSql(`select version from ${bossSchema}.version`)
  return Number(rows[0]?.['version'] ?? 0)
}

/** A script that brings its tables up to date from that version: empty where they are. */
export function bossPlans(bossSchema: string, version: number): string {
  if (version >= KNOWN_BOSS_VERSION) return ''
  return version === 0 ? getConstructionPlans(bossSchema) : getMigrationPlans(bossSchema, version)
}
