import { json, string, topic, topology } from 'millrace'

export const requests = topic('gap.requests', { key: string, value: json<number>() })
/** Each request again, by the process that answered. */
export const answers = topic('gap.answers', { key: string, value: json<number>() })

export default topology('gap', (builder) => {
  const request = builder.stream(requests)
  request.mapValues(() => process.pid).to(answers)
  request.groupByKey().count({ store: 'requests-by-key' })
})
