/** How much of all payloads a page still has room for. Whatever finds none left is linked to, and not shown. */
export class Room {
  #nodes: number
  #characters: number

  constructor(nodes: number, characters: number) {
    this.#nodes = nodes
    this.#characters = characters
  }

  /** Takes room for one value. */
  node(): boolean {
    this.#nodes -= 1
    return this.#nodes >= 0
  }

  /** As many of so many characters as there is room for. */
  characters(wanted: number): number {
    const given = Math.max(0, Math.min(wanted, this.#characters))
    this.#characters -= given
    return given
  }
}
