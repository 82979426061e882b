/**
 * What the pages do beyond htmx: say in the status region what has changed, and when updates stop. Nothing depends on
 * it, and it writes text only.
 */
export const SCRIPT = `(() => {
  const spoken = () => document.querySelector('[data-announce]')?.dataset.announce ?? ''
  let last = spoken()
  let stopped = false
  const say = (text) => {
    const region = document.getElementById('status')
    if (region && region.textContent !== text) region.textContent = text
  }
  document.addEventListener('htmx:finally:request', (event) => {
    const status = event.detail?.ctx?.response?.status ?? 0
    if (status === 0 || status >= 400) {
      if (!stopped) say('Updates have stopped at ' + new Date().toLocaleTimeString() + ': the server does not answer. Still trying.')
      stopped = true
      return
    }
    const now = spoken()
    if (stopped) say('Updates go on. ' + now)
    else if (now !== last) say(now)
    stopped = false
    last = now
  })
})()
`
