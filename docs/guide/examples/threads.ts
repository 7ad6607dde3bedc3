import type { Application } from 'millrace'

/** What an autoscaler of your own would do, given how far behind the application is. */
export async function scale(app: Application, threadsMax: number) {
  const threads = await app.snapshot()
  const lag = threads.reduce((sum, thread) => sum + thread.lag, 0)
  if (lag > 100_000 && threads.length < threadsMax) return app.addThread()
  if (lag < 1_000 && threads.length > 1) return app.removeThread()
  return undefined
}

/** While something downstream is away. */
export async function during(app: Application, maintenance: () => Promise<void>) {
  app.pause()
  try {
    await maintenance()
  } finally {
    app.resume()
  }
}
