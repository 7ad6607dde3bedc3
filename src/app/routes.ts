import { json, type Reply, type Route } from '../server/http-server.ts'
import { prometheusType } from '../server/prometheus.ts'
import type { Application } from './application.ts'
import type { Health } from './health.ts'
import { peerRoutes } from './peer-routes.ts'
import type { StoreReader } from './store-reader.ts'
import { storeRoutes } from './store-routes.ts'

/** What an application tells over HTTP. `docs/openapi.json` describes it. */
export const routesOf = (app: Application, reader: StoreReader): readonly Route[] => [
  { path: '/health/live', isOpen: true, answer: async () => health(await app.live()) },
  { path: '/health/ready', isOpen: true, answer: () => health(app.ready()) },
  {
    path: '/metrics',
    answer: async () => ({ status: 200, type: prometheusType, body: await app.metrics() }),
  },
  { path: '/state', answer: async () => json(200, await stateOf(app)) },
  { path: '/instances', answer: () => json(200, app.instances()) },
  ...storeRoutes(app),
  ...peerRoutes(reader),
]

const health = (found: Health): Reply => json(found.ok ? 200 : 503, found)

async function stateOf(app: Application): Promise<unknown> {
  const threads = await app.snapshot()
  const { applicationId, state, isPaused: paused } = app
  const lag = threads.reduce((sum, thread) => sum + thread.lag, 0)
  return { applicationId, state, paused, lag, threads }
}
