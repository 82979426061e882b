/**
 * The ledger as a process of its own, which no fault reaches: `node ledger-process.ts <host> <fault percent>`. Says
 * where it listens, and ends when its parent does.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fractionOf } from './dice.ts'
import { Ledger, type LedgerAnswer, type LedgerCall } from './ledger.ts'

const [host = '127.0.0.1', faultPercent = '0'] = process.argv.slice(2)
/** Calls take this long, so that there are always some under way. */
const LONGEST_CALL_MS = 250

const ledger = new Ledger(Number(faultPercent))
const STATUS: { readonly [answer in LedgerAnswer]: number } = { done: 200, refused: 422, away: 503, nothing: 0 }

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  if (request.url === '/books') {
    response.end(JSON.stringify(ledger.takeBooks()))
  } else if (request.url === '/calm' || request.url === '/moods') {
    ledger.calm(request.url === '/calm')
    response.end()
  } else {
    const call = JSON.parse(body) as LedgerCall
    const status = STATUS[ledger.call(call)]
    setTimeout(
      () => (status === 0 ? request.socket.destroy() : response.writeHead(status).end()),
      fractionOf(`${call.key} pace`) * LONGEST_CALL_MS,
    )
  }
}

const server = createServer((request, response) => {
  // Whoever called is gone: an answer has nobody to go to.
  answer(request, response).catch(() => request.socket.destroy())
})
// A connection that is closed while a call is on its way would look like trouble that nobody planned.
server.keepAliveTimeout = 3_600_000
server.requestTimeout = 0
process.on('disconnect', () => process.exit(0))
server.listen(0, host, () => process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port }))
