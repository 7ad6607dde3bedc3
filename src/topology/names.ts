import { invalidTopology } from './invalid-topology.ts'

/** Kafka's own limit on a topic's name. */
const NAME_LENGTH_MAX = 249

/** Refuses what Kafka would refuse as a topic's name; `what` says whose name it is. */
export function checkKafkaName(what: string, name: string): void {
  const legal =
    typeof name === 'string' &&
    /^[a-zA-Z0-9._-]+$/.test(name) &&
    name.length <= NAME_LENGTH_MAX &&
    name !== '.' &&
    name !== '..'
  if (!legal) {
    throw invalidTopology(
      `${what} cannot be called ${JSON.stringify(name)}`,
      'Use letters, digits, dots, underscores and hyphens only, at most 249: Kafka names a topic after it.',
    )
  }
}
