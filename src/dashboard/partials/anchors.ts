/** Where on the page of a saga something stands, for links to it. */

/** The attempts of a step: there for each that was tried. */
export function attemptsAnchor(step: string): string {
  return `attempts-${step}`
}
