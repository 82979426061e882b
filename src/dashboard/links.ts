/** Links from a saga to other systems, as the host gives them: traces, logs, the page of the order that it is about. */

import type { SagaOutline } from '../engine/excerpts.ts'
import type { Logger } from '../engine/runtime/ports.ts'
import { clip } from './partials/markup.ts'

export type Link = { readonly label: string; readonly href: string }

/** What a link can be made of. No payloads: addresses end up in logs. */
export type LinkSource = {
  readonly id: string
  readonly key: string | null
  readonly definition: string
  readonly version: number
  readonly tags: readonly string[]
  /** Of the span in which it was started, as a W3C header: its trace id is the second part. */
  readonly traceparent: string | null
  readonly createdAt: Date
  readonly finishedAt: Date | null
}

/**
 * Asked for each saga that is looked at. Addresses with https, http, or none (of this host) are shown, others left out;
 * what throws gives no links.
 */
export type LinksOut = (saga: LinkSource) => readonly Link[]

const MAX_LINKS = 10
const MAX_LABEL_CHARACTERS = 60
const MAX_ADDRESS_CHARACTERS = 4_000

export function linksFor(
  linksOut: LinksOut | undefined,
  { saga, traceparent }: Pick<SagaOutline, 'saga' | 'traceparent'>,
  logger: Logger,
): readonly Link[] {
  if (linksOut === undefined) return []
  const { id, key, definition, version, tags, createdAt, finishedAt } = saga
  try {
    const given = linksOut({ id, key, definition, version, tags, traceparent, createdAt, finishedAt })
    return given
      .filter(isSafe)
      .slice(0, MAX_LINKS)
      .map(({ label, href }) => ({
        label: clip(label.trim() === '' ? 'Link' : label, MAX_LABEL_CHARACTERS),
        href,
      }))
  } catch (error) {
    logger.error({ sagaId: id, error }, 'The links of a saga could not be made.')
    return []
  }
}

/** What a browser takes for an address of its own kind of code is never one here. */
function isSafe(link: unknown): link is Link {
  if (typeof link !== 'object' || link === null) return false
  const { label, href } = link as Partial<Link>
  if (typeof label !== 'string' || typeof href !== 'string' || href.length > MAX_ADDRESS_CHARACTERS) return false
  // A base of another kind than the address tells a relative one, however it is written, from one with a scheme.
  const parsed = URL.parse(href, 'https://relative.invalid/')
  return parsed !== null && (parsed.protocol === 'https:' || parsed.protocol === 'http:')
}
