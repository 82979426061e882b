/** The server dies under load, and its synchronous standby takes its place: nothing that was answered is gone. */
import { appendFileSync, writeFileSync } from 'node:fs'
import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { withClient } from '../../../tools/postgres/database.ts'
import type { EmbeddedPostgres } from '../../../tools/postgres/embedded.ts'
import type { Fault } from '../fault.ts'
import type { Scene } from '../scene.ts'
import { allBack, busyMember, namesOf, waitFor } from './victims.ts'

const READ_ONLY_MS = 4_000
const SYNCHRONOUS = { synchronous_standby_names: '*' }

export const failover: Fault = {
  name: 'failover',
  says: 'Postgres is killed, and its synchronous standby takes its address, for a while before it is promoted',
  isShort: false,
  keepsWorkers: true,
  async strike(scene, dice) {
    const { server } = scene
    const standby = await makeStandby(scene)
    await busyMember(scene)
    const names = namesOf(scene)
    const since = performance.now()
    server.kill()
    for (const line of scene.lines) line.sever()
    const old = server.dataDir
    // Clients find it before it is promoted: it can be read, and nothing can be written.
    await server.follow(standby)
    await delay(dice.whole(0, READ_ONLY_MS))
    await promote(standby)
    const backAt = performance.now()
    scene.measured('Postgres away (failover)', backAt - since)
    const wrong = await allBack(scene, since, names)
    scene.measured('all workers back, from when Postgres was (failover)', performance.now() - backAt)
    await rm(old, { recursive: true, force: true })
    return wrong
  },
}

type Standby = { readonly dataDir: string; readonly running: EmbeddedPostgres }

/** A copy of the stopped server's folder, which follows it from then on: each COMMIT waits for it. */
async function makeStandby({ server }: Scene): Promise<Standby> {
  const dataDir = join(server.folder, `standby-${process.hrtime.bigint()}`)
  await server.restart('fast', {
    whileAway: () => cp(server.dataDir, dataDir, { recursive: true, verbatimSymlinks: true }),
    settings: SYNCHRONOUS,
  })
  const { hostname, port, username, password } = new URL(server.connectionString())
  const source = `host=${hostname} port=${port} user=${username} password=${password}`
  appendFileSync(join(dataDir, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
  writeFileSync(join(dataDir, 'standby.signal'), '')
  const running = await server.startBeside(dataDir)
  await waitFor('the standby is synchronous', async () => {
    const rows = await server.query(`select from pg_stat_replication where sync_state = 'sync'`)
    return rows.length > 0 ? true : undefined
  })
  return { dataDir, running }
}

async function promote({ running }: Standby): Promise<void> {
  await withClient(running.connectionString(), async (client) => {
    await client.query('select pg_promote(true, 60)')
  })
}
