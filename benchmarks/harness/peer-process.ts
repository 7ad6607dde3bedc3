import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../src/core/clock.ts'

const SAMPLE_EVERY_MS = 50
const STOP_MS = 40_000
/** `sysconf(_SC_CLK_TCK)`, which Linux gives every program as 100. */
const TICKS_PER_SECOND = 100

interface Sample {
  readonly atMs: number
  readonly cpuSeconds: number
}

/**
 * `peer.ts` as a process of its own, and what it takes of the machine, read from /proc: Linux only.
 */
export class PeerProcess {
  readonly startedMs = systemClock.nowMs()
  readonly #child: ChildProcess
  readonly #samples: Sample[] = [{ atMs: this.startedMs, cpuSeconds: 0 }]
  readonly #ended: Promise<unknown>
  readonly #done = new AbortController()
  #peakRssBytes = 0

  constructor(environment: Readonly<Record<string, string>>) {
    if (!existsSync('/proc/self/stat')) throw new Error('this benchmark reads /proc: Linux only')
    const peer = fileURLToPath(new URL('../peer.ts', import.meta.url))
    this.#child = spawn(process.execPath, ['--conditions=millrace-source', peer], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    this.#ended = once(this.#child, 'exit').finally(() => this.#done.abort())
    void this.#sample()
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get peakRssMiB(): number {
    return Math.round(this.#peakRssBytes / 2 ** 20)
  }

  /** User and system time of all its threads until now. */
  get cpuSeconds(): number {
    return this.#samples.at(-1)?.cpuSeconds ?? 0
  }

  /** Between samples, of which there are twenty a second, in a straight line. */
  cpuSecondsAt(atMs: number): number {
    const next = this.#samples.findIndex((sample) => sample.atMs >= atMs)
    const [before, after] = [this.#samples[next - 1], this.#samples[next]]
    if (before === undefined || after === undefined) return this.cpuSeconds
    const share = (atMs - before.atMs) / (after.atMs - before.atMs)
    return before.cpuSeconds + share * (after.cpuSeconds - before.cpuSeconds)
  }

  /** SIGTERM, and SIGKILL to one that does not leave. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    const tooLate = new AbortController()
    void systemClock.sleep(STOP_MS, tooLate.signal).then(() => {
      if (!tooLate.signal.aborted) this.#child.kill('SIGKILL')
    })
    await this.#ended
    tooLate.abort()
  }

  async #sample(): Promise<void> {
    while (!this.#done.signal.aborted) {
      this.#look(`/proc/${this.#child.pid}`)
      await systemClock.sleep(SAMPLE_EVERY_MS, this.#done.signal)
    }
  }

  #look(process: string): void {
    try {
      // The name of the program, in brackets, may have spaces: what follows it has none.
      const stat = readFileSync(`${process}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? []
      const cpuSeconds = (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND
      this.#samples.push({ atMs: systemClock.nowMs(), cpuSeconds })
      const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`${process}/status`, 'latin1'))
      if (peak !== null) this.#peakRssBytes = Number(peak[1]) * 1024
    } catch {
      // It has just ended.
    }
  }
}
