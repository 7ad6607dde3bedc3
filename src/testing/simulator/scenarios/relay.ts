import { deadLetters, string, topic, topology } from 'millrace'
import {
  differences,
  grouped,
  inputOf,
  keyOf,
  losses,
  seenIn,
  textOf,
  type ScenarioMaker,
} from '../scenario.ts'

const lines = topic('lines', { key: string, value: string })
const relayed = topic('relayed', { key: string, value: string })

/** Without state: what comes in goes out, or is left out, or is a dead letter. */
const relaying = topology('relaying', { deadLetters: deadLetters('refused-lines') }, (builder) => {
  builder
    .stream(lines)
    .filter((line) => !line.startsWith('skip'))
    .mapValues((line) => {
      if (line.startsWith('poison')) throw new Error('it is poisoned')
      return line.toUpperCase()
    })
    .to(relayed)
})

export const relay: ScenarioMaker = (random, size) => {
  const records = inputOf('lines', size, (index) => {
    const chance = random()
    const kind = chance < 0.1 ? 'skip' : chance < 0.2 ? 'poison' : 'line'
    return { key: keyOf(random), value: `${kind}-${index}` }
  })
  const of = (kind: string) => records.filter(({ value }) => value.startsWith(kind))
  const expected = grouped(of('line').map(({ key, value }) => [key, value.toUpperCase()]))
  const refused = grouped(of('poison').map(({ key, value }) => [key, value]))
  return {
    topology: relaying,
    topics: ['lines', 'relayed', 'refused-lines'],
    inputs: ['lines'],
    records,
    problems: (committed, { guarantee }) => {
      const compare = guarantee === 'exactly-once' ? differences : losses
      const dead = seenIn(committed, 'refused-lines', ({ key, value }) => [
        textOf(key),
        textOf(value),
      ])
      return [
        ...compare('lines', seenIn(committed, 'relayed'), expected),
        ...compare('dead letters', dead, refused),
      ]
    },
  }
}
