/** Starts the Postgres of a data folder, or joins it, until Ctrl-C: `npx node tools/postgres/serve.ts [dataDir]`. */

import { startPostgres } from './embedded.ts'

const server = await startPostgres({ dataDir: process.argv[2] ?? '.postgres/demo' })
console.log(`${server.connectionString()} (${server.attached ? 'joined' : 'started'}, process ${server.pid})`)

const alive = setInterval(() => {}, 60_000)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    clearInterval(alive)
    void server.stop()
  })
}
