import { json, string, topic, topology } from 'millrace'

export interface Request {
  readonly path: string
}

export const requests = topic('requests', { key: string, value: json<Request>() })
export const accepted = topic('requests.accepted', { key: string, value: json<Request>() })
export const refused = topic('requests.refused', { key: string, value: json<Request>() })
export const reports = topic('reports', { key: string, value: json<string>() })
export const mails = topic('mails', { key: string, value: json<string>() })

export default topology('requests', (builder) => {
  // Who asks more than a hundred times a second is told so.
  const limited = builder
    .stream(requests)
    .rateLimit({ name: 'requests-per-client', records: 100, per: '1s', overflow: 'side-output' })
  limited.to(accepted)
  limited.overflow.to(refused)

  // Nobody gets more than three mails in ten minutes; the others come later.
  builder
    .stream(reports)
    .rateLimit({ name: 'mails-per-customer', records: 3, per: '10m', overflow: 'delay' })
    .to(mails)
})
