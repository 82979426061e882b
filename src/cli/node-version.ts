/** Which versions of Node will do. */
const OLDEST = [22, 18] as const

/** @returns a sentence for a version that is too old. */
export function nodeProblem(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return undefined
  return `pg-saga needs Node ${OLDEST.join('.')} or later, and this is ${version}. Beside an older one: npm install --save-dev node@24, then npx pg-saga.`
}
