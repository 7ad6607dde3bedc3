import { expect, test } from 'vitest'
import {
  postedConnection,
  receivedConnection,
  refuseUnpostable,
  type PostedConnection,
} from './posted-connection.ts'

const connection = { brokers: ['localhost:9092'], clientId: 'test', tls: { ca: 'an authority' } }

/** As a worker gets it; the port is given away with it. */
function handedOver(posted: PostedConnection): PostedConnection {
  return structuredClone(posted, { transfer: posted.tokens === undefined ? [] : [posted.tokens] })
}

async function tokenIn(posted: PostedConnection): Promise<string> {
  const { sasl } = receivedConnection(posted)
  if (sasl === undefined || !('token' in sasl)) throw new Error('it asks for no tokens')
  return await sasl.token()
}

test('passwords go along, and nothing is made of what is not there', () => {
  const sasl = { mechanism: 'plain', username: 'ada', password: 'secret' } as const
  for (const each of [connection, { ...connection, sasl }]) {
    expect(receivedConnection(handedOver(postedConnection(each)))).toEqual(each)
  }
})

test('each thread asks the function for tokens, and hears why there is none', async () => {
  const given = ['one', 'two']
  const token = async (): Promise<string> => {
    const next = given.shift()
    if (next === undefined) throw new Error('the identity provider is away')
    return next
  }
  const withTokens = { ...connection, sasl: { mechanism: 'oauthbearer', token } } as const
  const [first, second] = [postedConnection(withTokens), postedConnection(withTokens)]
  const ofFirst = handedOver(first)
  expect(await tokenIn(ofFirst)).toBe('one')
  expect(await tokenIn(handedOver(second))).toBe('two')
  await expect(tokenIn(ofFirst)).rejects.toThrow('the identity provider is away')
})

test('what no thread can be told is refused', () => {
  const tls = { checkServerIdentity: () => undefined }
  expect(() => refuseUnpostable({ ...connection, tls })).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG' }),
  )
  refuseUnpostable(connection)
})
