import { describe, expect, test } from 'vitest'
import { deadLetters, fixed, topology } from 'millrace'
import { runChaos } from './chaos.fixtures.ts'
import { breakEach } from './crash.fixtures.ts'
import { answers, calls, isHopeless, retryScenario } from './retry.fixtures.ts'

const keysGiven = new Map<string, number>()

/** Every third call is in vain at first, every fifth always; they take one to three turns. */
const asking = topology('asking', { deadLetters: deadLetters('unanswered') }, (builder) => {
  builder
    .stream(calls)
    .mapValuesAsync(
      async (value, { attempt, idempotencyKey }) => {
        const known = keysGiven.get(idempotencyKey)
        if (known !== undefined) expect(known).toBe(value)
        keysGiven.set(idempotencyKey, value)
        for (let turn = value % 3; turn >= 0; turn -= 1) await Promise.resolve()
        if (isHopeless(value)) throw new Error('nobody answers')
        if (value % 3 === 0 && attempt === 1) throw new Error('the line is busy')
        return value
      },
      { name: 'ask', concurrency: 3, retry: { attempts: 3, backoff: fixed('10ms') } },
    )
    .to(answers)
})

const scenario = retryScenario({ items: 20, waves: 3 }, asking)

describe('every call has one answer or is a dead letter once, in the order of its key', () => {
  test('when the process dies before or after any request and is started again', async () => {
    keysGiven.clear()
    await breakEach({ scenario, successor: 'same process' }, ['dies before', 'dies after'])
  })

  test('when it dies and another process, with nothing on its disk, takes over', async () => {
    keysGiven.clear()
    await breakEach({ scenario, successor: 'other process' }, ['dies before', 'dies after'])
  })

  test('when any request is lost, answered in vain, refused, or comes late', async () => {
    keysGiven.clear()
    const plan = { scenario, successor: 'same process' } as const
    await breakEach(plan, ['reply lost', 'request lost', 'refused', 'delivered late'])
  })

  test.for([1, 2, 3, 4])(
    'in three processes, while everything around them goes wrong (seed %i)',
    async (seed) => {
      keysGiven.clear()
      await runChaos({
        scenario: retryScenario({ items: 60, waves: 20 }, asking),
        seed,
        events: 30,
      })
      expect.hasAssertions()
    },
  )
})
