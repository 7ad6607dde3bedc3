/** Work that steps wait for outside of the task's turns, and go on with in a turn. */
export class LaterWork {
  readonly #wake: () => void
  #underWay = 0
  #arrived: (() => void)[] = []
  #isClosed = false

  /** `wake`: something has arrived. */
  constructor(wake: () => void) {
    this.#wake = wake
  }

  /** How much of it has not arrived yet. */
  get underWay(): number {
    return this.#underWay
  }

  /** See {@link OperatorContext.later}. */
  readonly begin = (): ((work: () => void) => void) => {
    let isOpen = true
    this.#underWay += 1
    return (work) => {
      if (!isOpen || this.#isClosed) return
      isOpen = false
      this.#underWay -= 1
      this.#arrived.push(work)
      this.#wake()
    }
  }

  /** Goes on with what has arrived, at most so much; returns how much it was. */
  run(max: number, isFull: () => boolean): number {
    if (this.#arrived.length === 0) return 0
    let done = 0
    while (done < max && !isFull()) {
      const work = this.#arrived[done]
      if (work === undefined) break
      done += 1
      work()
    }
    this.#arrived.splice(0, done)
    return done
  }

  close(): void {
    this.#isClosed = true
    this.#arrived = []
    this.#underWay = 0
  }
}
