import { systemClock } from '../../src/core/clock.ts'
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

export interface Watched {
  readonly cluster: string
  readonly writer: InputWriter
  readonly workers: Workers
  readonly observer: Observer
  readonly options: DemoOptions
}

interface Look {
  readonly atMs: number
  readonly in: number
  readonly out: number
}

/**
 * Shows what happens until all that was written has been processed: a screen on a terminal, else a
 * line every two seconds.
 */
export async function watch(watched: Watched): Promise<void> {
  const { writer, workers, observer, options } = watched
  const startedAtMs = systemClock.nowMs()
  using show = isScreen(options) ? onScreen() : inLines(startedAtMs)
  const looks: Look[] = [{ atMs: startedAtMs, in: 0, out: 0 }]
  const history: number[] = []
  for (;;) {
    const isWritten = writer.isDone
    const seen = await observer.look()
    const look = { atMs: systemClock.nowMs(), in: writer.written, out: outputsIn(seen) }
    history.push(rateBetween(looks.at(-1) as Look, look, 'out'))
    if (history.length > HISTORY_MAX) history.shift()
    looks.push(look)
    if (looks.length > RATE_LOOKS + 1) looks.shift()
    const before = looks[0] as Look
    show.view({
      cluster: watched.cluster,
      worker: { state: workers.state, place: workers.place, kills: workers.kills },
      seconds: (look.atMs - startedAtMs) / 1_000,
      written: look.in,
      wanted: options.records,
      isStopping: writer.isStopped,
      input: writer.latest,
      seen,
      rates: { in: rateBetween(before, look, 'in'), out: rateBetween(before, look, 'out') },
      history,
    })
    if (isWritten && seen.lag === 0) return
    await workers.killIfDue()
    await systemClock.sleep(LOOK_MS)
  }
}

const outputsIn = ({ events, rejected, deadLetters }: Seen): number =>
  events + rejected + deadLetters

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
