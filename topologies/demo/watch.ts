import { systemClock } from '../../src/core/clock.ts'
import type { CaseStudy, Follower } from './case-study.ts'
import type { DemoOptions } from './demo-options.ts'
import type { InputWriter } from './input-writer.ts'
import { LiveScreen } from './live-screen.ts'
import type { Observer, Seen } from './observer.ts'
import { progressLine, screenOf, type View } from './screen.ts'
import type { Workers } from './workers.ts'

const LOOK_MS = 250
const SAY_MS = 2_000
/** Rates are those of the last second, in looks. */
const RATE_LOOKS = 4
const HISTORY_MAX = 120
/** Between two closings: a step may look no more than once a second for what time has closed. */
const CLOSING_MS = 600
/** When nothing comes out for so long, though something should, the account is to say so. */
const PATIENCE_MS = 20_000

export interface Watched {
  readonly study: CaseStudy
  readonly partitions: number
  readonly cluster: string
  readonly writer: InputWriter
  readonly workers: Workers
  readonly observer: Observer
  readonly follower: Follower
  readonly options: DemoOptions
}

interface Look {
  readonly atMs: number
  readonly in: number
  readonly out: number
}

/**
 * Shows what happens until all that was written has come out: a screen on a terminal, else a line
 * every two seconds.
 */
export async function watch(watched: Watched): Promise<void> {
  const { study, writer, workers, observer, follower, options } = watched
  const startedAtMs = systemClock.nowMs()
  using show = isScreen(options) ? onScreen() : inLines(startedAtMs)
  const ending = new Ending(watched)
  const looks: Look[] = [{ atMs: startedAtMs, in: 0, out: 0 }]
  const history: number[] = []
  for (;;) {
    const isWritten = writer.isDone
    const seen = await observer.look()
    const look = { atMs: systemClock.nowMs(), in: writer.written, out: outputsIn(study, seen) }
    history.push(rateBetween(looks.at(-1) as Look, look, 'out'))
    if (history.length > HISTORY_MAX) history.shift()
    looks.push(look)
    if (looks.length > RATE_LOOKS + 1) looks.shift()
    const before = looks[0] as Look
    show.view({
      study,
      follower,
      cluster: watched.cluster,
      worker: { state: workers.state, place: workers.place, kills: workers.kills },
      seconds: (look.atMs - startedAtMs) / 1_000,
      written: look.in,
      wanted: options.records,
      isStopping: writer.isStopped,
      isWritten,
      input: writer.latest,
      seen,
      rates: { in: rateBetween(before, look, 'in'), out: rateBetween(before, look, 'out') },
      history,
    })
    if (isWritten && (await ending.isReached(look, seen))) return
    await workers.killIfDue()
    await systemClock.sleep(LOOK_MS)
  }
}

/** From when all is written to when all has come out. */
class Ending {
  readonly #watched: Watched
  #closedAtMs = -Infinity
  /** How many records had not come out the last time that one did, and when that was. */
  #left = Infinity
  #progressAtMs = 0

  constructor(watched: Watched) {
    this.#watched = watched
  }

  /** What waits for event time gets it, once nothing else is on its way. */
  async isReached({ atMs }: Look, { lag, isCaughtUp }: Seen): Promise<boolean> {
    const { follower, writer, partitions } = this.#watched
    const left = follower.underWay() + follower.waiting()
    if (lag !== 0 || !isCaughtUp || left !== this.#left) this.#progressAtMs = atMs
    this.#left = left
    if (lag !== 0 || !isCaughtUp) return false
    if (left <= 0 || atMs - this.#progressAtMs > PATIENCE_MS) return true
    if (follower.underWay() > 0 || atMs - this.#closedAtMs < CLOSING_MS) return false
    this.#closedAtMs = atMs
    await writer.writeClosing(partitions)
    return false
  }
}

const outputsIn = ({ outputs }: CaseStudy, { counts }: Seen): number =>
  outputs.reduce((sum, { topic }) => sum + (counts.get(topic) ?? 0), 0)

const rateBetween = (before: Look, now: Look, what: 'in' | 'out'): number =>
  ((now[what] - before[what]) * 1_000) / Math.max(1, now.atMs - before.atMs)

interface Show extends Disposable {
  readonly view: (view: View) => void
}

const isScreen = (options: DemoOptions): boolean =>
  process.stdout.isTTY && process.env['TERM'] !== 'dumb' && !options.json

function onScreen(): Show {
  const screen = new LiveScreen(process.stdout)
  return {
    view: (view) => screen.draw(screenOf(view, screen.columns)),
    [Symbol.dispose]: () => screen[Symbol.dispose](),
  }
}

function inLines(startedAtMs: number): Show {
  let saidAtMs = startedAtMs
  return {
    view: (view) => {
      const nowMs = systemClock.nowMs()
      if (nowMs - saidAtMs < SAY_MS) return
      saidAtMs = nowMs
      process.stderr.write(`${progressLine(view)}\n`)
    },
    [Symbol.dispose]: () => {},
  }
}
