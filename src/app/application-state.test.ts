import { describe, expect, test } from 'vitest'
import { ApplicationLife, type ApplicationState } from './application-state.ts'

/** A life, and what its listener was told: from what to what. */
function watched(): { readonly life: ApplicationLife; readonly told: string[] } {
  const life = new ApplicationLife()
  const told: string[] = []
  life.onStateChange((state, before) => told.push(`${before} → ${state}`))
  return { life, told }
}

describe('an application follows its threads', () => {
  test('and runs when all of them do', () => {
    const { life, told } = watched()
    life.follow(['created', 'created'])
    expect(life.state).toBe('created')
    life.follow(['starting', 'created'])
    life.follow(['running', 'rebalancing'])
    expect(life.state).toBe('rebalancing')
    life.follow(['running', 'running'])
    life.follow(['rebalancing', 'running'])
    life.follow(['running', 'running'])
    expect(told).toEqual([
      'created → rebalancing',
      'rebalancing → running',
      'running → rebalancing',
      'rebalancing → running',
    ])
  })

  test('and does not run without any', () => {
    const { life, told } = watched()
    life.follow([])
    life.follow(['running'])
    life.follow([])
    life.follow(['created'])
    life.follow(['running'])
    expect(told).toEqual([
      'created → rebalancing',
      'rebalancing → running',
      'running → rebalancing',
      'rebalancing → running',
    ])
  })

  test('until it has failed', () => {
    const { life, told } = watched()
    life.follow(['running', 'running'])
    life.moveTo('pending-error')
    life.follow(['running'])
    life.moveTo('error')
    expect(told).toEqual([
      'created → rebalancing',
      'rebalancing → running',
      'running → pending-error',
      'pending-error → error',
    ])
  })

  test('but not back to work once it is being stopped', () => {
    const { life, told } = watched()
    life.follow(['running'])
    life.moveTo('pending-shutdown')
    life.follow(['rebalancing'])
    life.follow(['running'])
    life.moveTo('not-running')
    expect(told.slice(2)).toEqual(['running → pending-shutdown', 'pending-shutdown → not-running'])
  })
})

test('a listener is told of nothing once it has been taken back', () => {
  const life = new ApplicationLife()
  const told: ApplicationState[] = []
  const forget = life.onStateChange((state) => told.push(state))
  life.moveTo('rebalancing')
  forget()
  life.moveTo('running')
  expect(told).toEqual(['rebalancing'])
})

test('a listener that throws keeps nobody from hearing, and is not passed over in silence', () => {
  const thrown: unknown[] = []
  const life = new ApplicationLife((error) => thrown.push(error))
  const told: ApplicationState[] = []
  const failure = new Error('the listener is broken')
  life.onStateChange(() => {
    throw failure
  })
  life.onStateChange((state) => told.push(state))
  life.moveTo('rebalancing')
  life.moveTo('running')
  expect(told).toEqual(['rebalancing', 'running'])
  expect(thrown).toEqual([failure, failure])
  expect(life.state).toBe('running')
})

test('a listener that changes the state itself leaves the others the order of events', () => {
  const life = new ApplicationLife()
  life.onStateChange((state) => {
    if (state === 'running') life.moveTo('pending-shutdown')
  })
  const told: string[] = []
  life.onStateChange((state, before) => told.push(`${before} → ${state}`))
  life.follow(['running'])
  expect(told).toEqual([
    'created → rebalancing',
    'rebalancing → running',
    'running → pending-shutdown',
  ])
})

test('an application does not come back from its end', () => {
  const { life } = watched()
  life.moveTo('pending-shutdown')
  life.moveTo('not-running')
  expect(() => life.moveTo('running')).toThrow('does not move from not-running to running')
})
