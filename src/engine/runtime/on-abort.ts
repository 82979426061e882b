/**
 * Listeners of one signal that very many attempts share: the signal itself would look through all of them whenever one
 * comes or goes.
 */

type Listener = (reason: unknown) => void
type Shared = { readonly listeners: Set<Listener>; readonly tell: () => void }

const sharedOf = new WeakMap<AbortSignal, Shared>()

/**
 * Calls the listener when the signal is aborted; at once where it has been already.
 *
 * @returns to be called when it is not wanted any more.
 */
export function onAbort(signal: AbortSignal, listener: Listener): () => void {
  if (signal.aborted) {
    listener(signal.reason)
    return () => {}
  }
  const { listeners } = sharedOf.get(signal) ?? share(signal)
  listeners.add(listener)
  return () => {
    listeners.delete(listener)
    if (listeners.size === 0) leave(signal)
  }
}

function share(signal: AbortSignal): Shared {
  const listeners = new Set<Listener>()
  const tell = () => listeners.forEach((listener) => listener(signal.reason))
  const shared = { listeners, tell }
  sharedOf.set(signal, shared)
  signal.addEventListener('abort', tell)
  return shared
}

function leave(signal: AbortSignal): void {
  const shared = sharedOf.get(signal)
  if (shared === undefined || shared.listeners.size > 0) return
  signal.removeEventListener('abort', shared.tell)
  sharedOf.delete(signal)
}
