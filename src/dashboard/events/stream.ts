/**
 * Signals for pages that are open: that sagas have changed, and never what. They come and get that, with the rights that
 * they have by then.
 *
 * 1. `sagas:changed` comes with the first look, for what has changed since the page was made, and with each change: to lists every five
 *    seconds at most.
 * 2. `sagas:alive` comes at once, and every ten seconds. It is no comment, because the page has to hear it: where it does not, because
 *    something on the way keeps answers back, the page asks every few seconds instead.
 * 3. Whoever has lost the right to look is told to look, which shows them the door, and hears no more.
 * 4. It ends after some minutes, and the page asks for another: with the cookies of then, and wherever it is served from by then.
 */
import type { Listening, Pulse } from './pulse.ts'

const ALIVE_MS = 10_000
const ASK_AGAIN_MS = 60_000
const OPEN_FOR_MS = 10 * 60_000
/** Signals that nobody has taken: the other end has stalled. */
const MAX_UNREAD = 50

export type Stream = Listening & {
  readonly pulse: Pulse
  /** Whether the person may still look. */
  readonly mayLook: () => Promise<boolean>
  /** When they go away, or the server does. */
  readonly signal: AbortSignal
}

export function streamOf({ pulse, saga, who, mayLook, signal }: Stream): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const leaving: (() => void)[] = []
  const leave = () => {
    for (const one of leaving.splice(0)) one()
  }
  return new ReadableStream({
    start(controller) {
      const end = () => {
        if (leaving.length === 0) return
        leave()
        controller.close()
      }
      const say = (event: string) => {
        if ((controller.desiredSize ?? 0) < -MAX_UNREAD) end()
        else if (leaving.length > 0) controller.enqueue(encoder.encode(`event: ${event}\ndata:\n\n`))
      }
      const askAgain = async () => {
        if (await mayLook()) return
        say('sagas:changed')
        end()
      }
      const alive = setInterval(() => say('sagas:alive'), ALIVE_MS)
      const asking = setInterval(() => void askAgain(), ASK_AGAIN_MS)
      const over = setTimeout(end, OPEN_FOR_MS)
      leaving.push(
        pulse.listen({ saga, who }, () => say('sagas:changed')),
        () => clearTimeout(over),
        () => clearInterval(alive),
        () => clearInterval(asking),
        () => signal.removeEventListener('abort', end),
      )
      signal.addEventListener('abort', end)
      say('sagas:alive')
      if (signal.aborted) end()
    },
    cancel: leave,
  })
}
