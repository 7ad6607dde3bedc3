/** A schema registry for tests. It ends with this process, even when that is killed. */
export interface RunningRegistry extends AsyncDisposable {
  /** Of Confluent's API, on loopback. */
  readonly url: string
  /** Ends it and removes its data. Stopping twice is no error. */
  readonly stop: () => Promise<void>
  /** `SIGKILL`; what was registered is kept. */
  readonly kill: () => Promise<void>
  /** Again after a `kill`, on its port and its data; resolves when it serves. */
  readonly start: () => Promise<void>
  /** `SIGSTOP`: connections stay open and nothing answers. */
  readonly freeze: () => Promise<void>
  readonly thaw: () => Promise<void>
}
