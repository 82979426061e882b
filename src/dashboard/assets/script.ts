/**
 * What the pages do beyond htmx: say in the status region what has changed, and when updates stop; ask every five seconds where
 * signals do not come through; see to it that only what we have written asks; copy texts; take keys. Nothing else depends on it, and
 * it writes text only.
 */
export const SCRIPT = `(() => {
  // hx-csp looks at elements that have htmx's own attributes, and not at those that only listen: nothing asks without the nonce.
  const nonce = document.querySelector('script[nonce]')?.nonce
  htmx.registerExtension('only-ours', {
    htmx_config_request: (element, detail) => {
      if (nonce && element.getAttribute('hx-nonce') === nonce) return
      detail.cancelled = true
      return false
    },
  })
  const spoken = () => document.querySelector('[data-announce]')?.dataset.announce ?? ''
  let last = spoken()
  let stopped = false
  const say = (text) => {
    const region = document.getElementById('status')
    if (region && region.textContent !== text) region.textContent = text
  }
  document.addEventListener('htmx:finally:request', (event) => {
    const { sourceElement, response } = event.detail?.ctx ?? {}
    if (sourceElement?.id !== 'live') return
    const status = response?.status ?? 0
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
  document.addEventListener('click', async (event) => {
    const from = event.target instanceof Element ? event.target.closest('[data-copies]') : null
    const text = from && document.getElementById(from.dataset.copies)
    if (!text) return
    text.select()
    try {
      await navigator.clipboard.writeText(text.value)
      say('Copied.')
    } catch {
      say('It is selected: copy it with the keyboard.')
    }
  })
  const OFF = 'pg-saga-keys-off'
  // A browser that remembers nothing has them on.
  const remembered = (change) => {
    try {
      return change ? change(localStorage) : localStorage.getItem(OFF) !== null
    } catch {
      return false
    }
  }
  const dialog = document.getElementById('keys')
  const isOn = document.getElementById('keys-on')
  const help = () => {
    isOn.checked = !remembered()
    dialog.showModal()
  }
  isOn?.addEventListener('change', () => {
    remembered((storage) => (isOn.checked ? storage.removeItem(OFF) : storage.setItem(OFF, 'yes')))
  })
  document.querySelector('[data-opens=keys]')?.addEventListener('click', help)
  const keys = {
    '/': () => document.getElementById('q')?.focus(),
    r: () => {
      const live = document.querySelector('.live a')
      if (live) live.click()
      else location.reload()
    },
    '?': help,
  }
  document.addEventListener('keydown', (event) => {
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined
    if (!act || event.ctrlKey || event.metaKey || event.altKey || event.repeat || remembered()) return
    if (event.target instanceof Element && event.target.closest('input, textarea, select, dialog')) return
    event.preventDefault()
    act()
  })
  // Signals come from the element that listens. Where none is heard, something on the way keeps them back: then the page asks.
  let heardAt = -Infinity
  for (const name of ['sagas:changed', 'sagas:alive']) {
    document.addEventListener(name, (event) => {
      if (event.target !== document.body) heardAt = performance.now()
    })
  }
  setInterval(() => {
    const isDeaf = performance.now() - heardAt > 25000
    if (isDeaf && !document.hidden) document.body.dispatchEvent(new Event('sagas:changed'))
  }, 5000)
})()
`
