/** What processes call the ledger with. It never calls twice for one attempt. */
import { Agent, request } from 'node:http'
import { StepNotApplied, StepRejected } from '../../src/index.ts'
import type { LedgerBooks, LedgerCall } from './ledger.ts'

export class LedgerClient {
  readonly #url: string
  readonly #agent = new Agent({ keepAlive: true })

  constructor(url: string) {
    this.#url = url
  }

  async call(call: LedgerCall, signal: AbortSignal): Promise<void> {
    const { status } = await this.#post('/call', call, signal)
    if (status === 422) throw new StepRejected('The ledger refuses this.')
    if (status === 503) throw new StepNotApplied('The ledger is away.')
    if (status !== 200) throw new Error(`The ledger answered ${status}.`)
  }

  async takeBooks(): Promise<LedgerBooks> {
    return JSON.parse((await this.#post('/books', {})).text) as LedgerBooks
  }

  /** Whether things go wrong in it, as planned. */
  async calm(isCalm: boolean): Promise<void> {
    await this.#post(isCalm ? '/calm' : '/moods', {})
  }

  #post(path: string, body: unknown, signal?: AbortSignal): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', agent: this.#agent, ...(signal === undefined ? {} : { signal }) }
      const call = request(`${this.#url}${path}`, options, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
        response.on('error', reject)
      })
      call.on('error', reject)
      call.end(JSON.stringify(body))
    })
  }
}
