import type { Headers } from '../../core/record.ts'
import type { Emit, Operator, OperatorContext, OperatorFactory } from '../../topology/processor.ts'

/**
 * A step that can be tried: what it sends on while it is given a record is held back until it has
 * returned, so that an attempt which fails has sent nothing, and what fails further on is not taken
 * for a failure of this step. What it sends at other times, from a timer or a scheduled callback,
 * goes on at once.
 */
export class Attempt {
  readonly #operator: Operator
  #isTrying = false
  /** Target, key, value, timestamp and headers of each, one after the other. */
  #held: unknown[] = []

  constructor(create: OperatorFactory, context: OperatorContext) {
    this.#operator = create({
      ...context,
      emit: this.#holding(context.emit),
      emitTo: (output) => this.#holding(context.emitTo(output)),
    })
  }

  /** Throws what the step throws. */
  try(key: unknown, value: unknown, timestampMs: number, headers: Headers): void {
    this.#isTrying = true
    this.#held.length = 0
    try {
      this.#operator.process(key, value, timestampMs, headers)
    } finally {
      this.#isTrying = false
    }
  }

  /** Sends on what the attempt came to. */
  send(): void {
    const held = this.#held
    if (held.length === 0) return
    // What follows may lead back here, and then holds records of its own.
    this.#held = []
    for (let at = 0; at < held.length; at += 5) {
      const emit = held[at] as Emit
      emit(held[at + 1], held[at + 2], held[at + 3] as number, held[at + 4] as Headers)
    }
    held.length = 0
    this.#held = held
  }

  close(): void {
    this.#operator.close?.()
  }

  #holding(emit: Emit): Emit {
    return (key, value, timestampMs, headers) => {
      if (this.#isTrying) this.#held.push(emit, key, value, timestampMs, headers)
      else emit(key, value, timestampMs, headers)
    }
  }
}
