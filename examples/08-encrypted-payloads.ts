/**
 * A clinic: what a saga knows of a patient is encrypted, with a key of its own for each saga.
 *
 * The keys lie with a key service. Whoever erases a key there has erased the payloads of its saga everywhere at once: in
 * the database, in its backups, in its log (crypto-shredding). `erase` then says so in the journal, and takes away what the
 * errors said.
 *
 *     npx node examples/08-encrypted-payloads.ts
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { createSagaClient, createSagaEngine, type PayloadAbout, type PayloadCodec, sagasFor } from '../src/index.ts'
import { withPostgres } from './support/database.ts'

/** Stands for a key service: it makes keys, gives them to who may have them, and erases them. */
export class KeyService {
  readonly #keys = new Map<string, Buffer>()

  make(name: string): Promise<Buffer> {
    const key = this.#keys.get(name) ?? randomBytes(32)
    this.#keys.set(name, key)
    return Promise.resolve(key)
  }

  find(name: string): Promise<Buffer> {
    const key = this.#keys.get(name)
    return key === undefined ? Promise.reject(new Error(`There is no key ${name}.`)) : Promise.resolve(key)
  }

  erase(name: string): Promise<void> {
    this.#keys.delete(name)
    return Promise.resolve()
  }
}

type Box = { readonly v: 1; readonly iv: string; readonly tag: string; readonly text: string }

const CIPHER = 'aes-256-gcm'

/** AES-256-GCM. What is encrypted is bound to its saga and step: moved elsewhere, it cannot be read. */
export function encrypting(keys: KeyService, hashSecret: Buffer): PayloadCodec {
  return {
    async encode(json, about): Promise<Box> {
      const iv = randomBytes(12)
      const cipher = createCipheriv(CIPHER, await keys.make(about.sagaId), iv).setAAD(boundTo(about))
      const text = Buffer.concat([cipher.update(json, 'utf8'), cipher.final()]).toString('base64')
      return { v: 1, iv: iv.toString('base64'), tag: cipher.getAuthTag().toString('base64'), text }
    },
    async decode(stored, about) {
      const box = stored as Box
      const decipher = createDecipheriv(CIPHER, await keys.find(about.sagaId), Buffer.from(box.iv, 'base64'))
      decipher.setAAD(boundTo(about)).setAuthTag(Buffer.from(box.tag, 'base64'))
      return decipher.update(box.text, 'base64', 'utf8') + decipher.final('utf8')
    },
    // Tells a repeated start from another one, and nobody without the secret can try out inputs.
    hash: (json) => createHmac('sha256', hashSecret).update(json).digest('base64url'),
  }
}

function boundTo({ sagaId, definition, step = '' }: PayloadAbout): Buffer {
  return Buffer.from(JSON.stringify([sagaId, definition, step]))
}

const visit = sagasFor<{ services: { log: string[] }; tx: unknown }>()('visit', {
  version: 1,
  input: z.object({ patient: z.string() }),
})
  .step('admit', {
    action: ({ input, services }) => {
      services.log.push(`admits ${input.patient}`)
      return { bed: `a bed for ${input.patient}` }
    },
    compensation: () => {},
  })
  .step('bill', { action: ({ results }) => `an invoice for ${results.admit.bed}` })

/** @returns what different people see of a visit, before and after its key is erased. */
export async function run(connectionString: string, say: (line: string) => void = console.log) {
  const keys = new KeyService()
  const codec = encrypting(keys, randomBytes(32))
  const log: string[] = []
  const engine = createSagaEngine({ connectionString, definitions: [visit], services: { log }, codec })
  // Reads and operates, but has no business with patients.
  const support = createSagaClient({ connectionString })
  try {
    await engine.start()
    const { id } = await engine.enqueue(visit, { patient: 'Ada' })
    const outcome = await engine.outcome(id, { definition: visit })
    const clinic = (await engine.get(id))?.input
    const withoutKey = (await support.get(id))?.input
    say(`the clinic sees ${JSON.stringify(clinic)}, support sees ${JSON.stringify(withoutKey)}`)

    await keys.erase(id)
    const shredded = (await engine.get(id))?.input
    say(`without its key the clinic sees ${JSON.stringify(shredded)}`)
    await support.operator.erase(id, { actor: 'dpo', reason: 'request 4711' })
    const erased = await engine.get(id)
    say(`erased: ${erased?.status}, ${JSON.stringify(erased?.input)}`)
    return { id, outcome, clinic, withoutKey, shredded, erased, log }
  } finally {
    await support.close()
    await engine.stop()
  }
}

if (process.argv[1] === import.meta.filename) await withPostgres(run)
