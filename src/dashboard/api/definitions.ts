/** Definitions, and the holds on them. */
import type { HoldView } from '../../engine/operator-holds.ts'
import { codeOf } from '../acts.ts'
import { standOf } from '../pages/release.ts'
import { noSuchDefinition } from '../routes/definitions.ts'
import { findHold, inForce, mustBeKnown, released, targetOf } from '../routes/holds.ts'
import { ApiProblem } from './problems.ts'
import { type Route, route } from './route.ts'
import { definition, definitions, holdBody, holdPlaced, holdReleased, holds, releaseBody } from './shapes/system.ts'

const COUNTED = 10_000

const list = route({
  path: '/definitions',
  name: 'listDefinitions',
  tag: 'definitions',
  summary: 'Definitions with their versions, the workers that have them, and what of them is under way.',
  right: 'read',
  answer: definitions,
  find: () => undefined,
  rights: () => [{ action: 'read', target: {} }],
  perform: async ({ parts }) => {
    const known = await parts.client.system.definitions({ cap: COUNTED })
    return {
      definitions: known.map(({ name, versions }) => ({
        name,
        versions: versions.map(({ blueprint: _shape, ...version }) => version),
      })),
    }
  },
})

const get = route({
  path: '/definitions/:name',
  name: 'getDefinition',
  tag: 'definitions',
  summary: 'One definition with the shape of each version, and the holds on it.',
  right: 'read',
  answer: definition,
  refuses: [404],
  find: async ({ parts, params }) => {
    const [known] = await parts.client.system.definitions({ name: params['name'] ?? '', cap: COUNTED })
    if (known === undefined) throw noSuchDefinition()
    return known
  },
  rights: ({ name }) => [{ action: 'read', target: { definition: name } }],
  perform: async ({ parts }, found) => {
    const own = (await parts.client.operator.holds()).filter((hold) => hold.definition === found.name)
    return { ...found, holds: own.map(holdShown) }
  },
})

const listHolds = route({
  path: '/holds',
  name: 'listHolds',
  tag: 'holds',
  summary: 'Holds in force, and those that let go at a rate, the oldest first.',
  right: 'read',
  answer: holds,
  find: () => undefined,
  rights: () => [{ action: 'read', target: {} }],
  perform: async ({ parts }) => ({ holds: (await parts.client.operator.holds()).map(holdShown) }),
})

const place = route({
  path: '/holds',
  name: 'placeHold',
  tag: 'holds',
  summary: 'Stops a definition, a step, or one side of it.',
  right: 'hold',
  body: holdBody,
  answer: holdPlaced,
  refuses: [404, 409],
  find: ({ body }) => body,
  rights: ({ definition: name, step }) => [{ action: 'hold', target: targetOf(name, step) }],
  perform: async ({ parts: { client }, actor }, { definition: name, step, side, seen, reason, requestId }) => {
    await mustBeKnown(client, name, step)
    const there = await inForce(client, name, step)
    // The same request, come twice, is its own first one.
    const isOwn = (hold: HoldView) => hold.actor === actor.id && hold.reason === reason
    const added = there.filter((hold) => !seen.includes(hold.id) && !isOwn(hold))
    if (added.length > 0) throw changed('Nothing is held: somebody else has held this.', added)
    const scope = { definition: name, ...(step === undefined ? {} : { step }), ...(side === undefined ? {} : { side }) }
    const by = { actor: actor.id, reason, ...(requestId === undefined ? {} : { requestId }) }
    const id = await client.operator.hold(scope, by)
    return { id, repeated: there.some((hold) => hold.id === id) }
  },
})

const release = route({
  path: '/holds/:id/release',
  name: 'releaseHold',
  tag: 'holds',
  summary: 'Ends a hold: what has waited goes on, at once or at a rate.',
  right: 'release',
  body: releaseBody,
  answer: holdReleased,
  refuses: [409],
  find: async ({ parts, params }) => ({ id: params['id'] ?? '', hold: await findHold(parts.client, params['id']) }),
  rights: ({ hold }) => [
    { action: 'release', target: hold === undefined ? {} : targetOf(hold.definition, hold.step ?? undefined) },
  ],
  perform: async ({ parts, actor, body: { stand, reason, requestId, rate } }, { id, hold }) => {
    const isOwn = hold?.release?.actor === actor.id && hold.release.reason === reason
    const isAsSeen = hold !== undefined && standOf(hold) === stand
    if (hold !== undefined && !isAsSeen && !isOwn) {
      throw changed('Nothing was done: somebody has changed this hold.', [hold])
    }
    const by = { actor: actor.id, reason, ...(requestId === undefined ? {} : { requestId }) }
    // One that is over is over by this very request, or by somebody else: the engine knows.
    const sagas = await parts.client.operator
      .release(id, { ...by, ...(rate === undefined ? {} : { rate }) })
      .catch((error: unknown) => {
        throw codeOf(error) === 'HOLD_NOT_FOUND' ? released() : error
      })
    return { id, sagas, repeated: !isAsSeen }
  },
})

function holdShown(hold: HoldView): object {
  return { ...hold, stand: standOf(hold) }
}

function changed(detail: string, now: readonly HoldView[]): ApiProblem {
  const more = { holds: now.map(holdShown) }
  return new ApiProblem({ status: 409, code: 'CHANGED', title: 'Something has changed', detail, more })
}

export const DEFINITION_ROUTES: readonly Route[] = [list, get, listHolds, place, release]
