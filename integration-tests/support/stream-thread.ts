import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, type ConnectionOptions } from '../../src/app/connect.ts'
import { threadConfigs, type RunOptions } from '../../src/app/options.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { directoryStorage } from '../../src/runtime/state-directory/directory-storage.ts'
import { StreamThread } from '../../src/runtime/thread/stream-thread.ts'
import type { Topology } from '../../src/topology/topology.ts'

export interface ThreadOptions {
  readonly topology: Topology
  readonly connection: ConnectionOptions
  /** Its name among processes. */
  readonly processId: string
  /** In which it gets a state directory of its own, that is empty. */
  readonly folder: string
  readonly run?: RunOptions
}

/** A thread of an application in this process, for tests that want its error, and no worker. */
export class Thread {
  readonly #runs = Promise.withResolvers<void>()
  #thread: StreamThread | undefined
  /** Resolves to what it failed with; undefined after a clean end. */
  readonly failure: Promise<unknown>

  constructor(options: ThreadOptions) {
    this.failure = this.#run(options).then(
      () => undefined,
      (error: unknown) => error,
    )
  }

  async #run({ topology, connection, processId, folder, run }: ThreadOptions): Promise<void> {
    const port = await connect(connection, processId, silentLogger, systemClock)
    try {
      const options = { sessionTimeout: '6s', ...run } as const
      const [config] = threadConfigs(options, topology.name, processId)
      this.#thread = new StreamThread({
        topology,
        config: config!,
        port,
        storage: directoryStorage(await mkdtemp(join(folder, 'thread-'))),
        openSerde: () => {},
        clock: systemClock,
        logger: silentLogger,
        onStateChange: (state) => {
          if (state === 'running') this.#runs.resolve()
        },
      })
      await this.#thread.run()
    } finally {
      await port.close()
    }
  }

  /** Resolves when it runs, or to what it failed with. */
  get runs(): Promise<unknown> {
    return Promise.race([this.#runs.promise, this.failure])
  }

  stop(): Promise<unknown> {
    this.#thread?.stop()
    return this.failure
  }
}
