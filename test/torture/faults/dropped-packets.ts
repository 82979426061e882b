/** The network between a worker's host and all the others drops every packet, and nobody is told. */
import { type Fault, PATIENCE_MS } from '../fault.ts'
import { Network } from '../network.ts'
import { judgeTakeover, takeoverOf, untilBusy } from './victims.ts'

/** The server notices a dead line in about ten seconds; if it does not, the lease decides. */
const WITHIN_MS = 30_000

export const droppedPackets: Fault = {
  name: 'dropped-packets',
  says: 'a worker on another host (a network namespace) hears nothing any more, nor is heard, until it is taken over',
  isShort: false,
  keepsWorkers: false,
  missing: () => Network.missing(),
  async strike(scene) {
    const { crew, network } = scene
    if (network === undefined) return ['there is no network']
    const victim = await crew.startApart(network.launch, network.host)
    victim.isSpared = true
    await untilBusy(scene, victim)
    const { id } = victim
    const since = performance.now()
    network.drop()
    const ms = await takeoverOf(scene, id, since)
    network.restore()
    const isBack = await crew.hear(
      ({ member, message }) => member === victim && message.type === 'session_back' && message['by'] !== id,
      PATIENCE_MS,
    )
    await crew.stop(victim)
    if (ms === undefined) return ['it was taken over by nobody']
    return [
      ...judgeTakeover(scene, { what: 'dropped packets', since, ms, withinMs: WITHIN_MS }),
      ...(isBack === undefined ? ['the worker did not come back under a new name'] : []),
    ]
  },
}
