import { expect, test } from 'vitest'
import { account } from './account.ts'

test('what was withdrawn is gone', () => {
  const state = account.evolve(
    { cents: 500, lastId: 'a' },
    { type: 'Withdrawn', id: 'b', cents: 200 },
  )
  expect(state).toEqual({ cents: 300, lastId: 'b' })
})
