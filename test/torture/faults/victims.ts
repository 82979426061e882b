/** Who is struck, and how long it takes others to notice. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Member } from '../crew.ts'
import { PATIENCE_MS } from '../fault.ts'
import type { Scene } from '../scene.ts'

const POLL_MS = 10

/** The worker with the most in its hands, as soon as there is one. */
export async function busyMember({ crew }: Scene): Promise<Member> {
  return waitFor('a worker has jobs', async () => crew.busy())
}

/** The same, and no other fault of this round ends it. */
export async function sparedMember(scene: Scene): Promise<Member> {
  const member = await busyMember(scene)
  member.isSpared = true
  return member
}

/** That worker, as soon as it has jobs in its hands. */
export async function untilBusy({ server }: Scene, member: Member): Promise<void> {
  await waitFor(`worker ${member.number} has jobs`, async () => {
    const rows = await server.query(
      'select from saga.saga_claim c join saga.saga_worker w on w.id = c.worker_id where w.pid = $1',
      [member.pid],
    )
    return rows.length > 0 ? true : undefined
  })
}

/** How long it takes until somebody else has taken over that worker. Undefined when nobody does. */
export async function takeoverOf({ crew }: Scene, id: string, since: number): Promise<number | undefined> {
  const said = await crew.hear(({ message }) => message.type === 'taken_over' && message['worker'] === id, PATIENCE_MS)
  return said === undefined ? undefined : said.at - since
}

/** A worker is taken over by writing so: where another fault stood in the way of that, its time begins when it is over. */
export function judgeTakeover(
  scene: Scene,
  { what, since, ms, withinMs, ownUntil = since }: TakeoverFigure,
): readonly string[] {
  const isHindered = scene.hinderedUntil > ownUntil
  scene.measured(`takeover after ${what}${isHindered ? ', hindered by another fault' : ''}`, ms)
  const hinderedMs = isHindered ? scene.hinderedUntil - since : 0
  return ms - hinderedMs > withinMs ? [`the takeover took ${Math.round(ms)} ms`] : []
}

export type TakeoverFigure = {
  readonly what: string
  readonly since: number
  readonly ms: number
  readonly withinMs: number
  /** Until then this very fault stands in its own way, which is within its time. */
  readonly ownUntil?: number
}

/** What it has locked is free when the server has ended its transactions, which is after 15 s. */
const LOCKED_MS = 15_500

/** @returns until when it may stand in somebody's way. */
export function standsStill(scene: Scene, victim: Member): number {
  victim.process.child.kill('SIGSTOP')
  const until = performance.now() + LOCKED_MS
  scene.hinderedUntil = Math.max(scene.hinderedUntil, until)
  return until
}

/**
 * All of them have a session again, under the names that they had, but those that another fault has ended.
 *
 * @returns who has not, in sentences.
 */
export async function allBack({ crew }: Scene, since: number, names: ReadonlyMap<Member, string>): Promise<string[]> {
  const wrong: string[] = []
  for (const [member, name] of names) {
    const isBack = await crew.hear(
      ({ at, member: by, message }) => by === member && at > since && ['session_back', 'gone'].includes(message.type),
      PATIENCE_MS,
    )
    if (isBack === undefined) wrong.push(`worker ${member.number} does not come back`)
    else if (isBack.message.type !== 'gone' && isBack.message['by'] !== name)
      wrong.push(`worker ${member.number} came back under another name`)
  }
  return wrong
}

export function namesOf({ crew }: Scene): ReadonlyMap<Member, string> {
  return new Map(crew.members.map((member) => [member, member.id]))
}

export async function waitFor<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = performance.now() + PATIENCE_MS
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > giveUpAt) throw new Error(`It did not come about that ${what}.`)
    await delay(POLL_MS)
  }
}
