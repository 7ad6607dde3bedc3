import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { messageOf, StreamsError } from '../core/errors.ts'
import type { KafkaConnection } from '../kafka/kafkajs/kafkajs-port.ts'

type Token = () => Promise<string>

/** A connection as a worker is told of it: functions stay behind, and are asked through a port. */
export type PostedConnection = Omit<KafkaConnection, 'sasl'> & {
  readonly sasl?: Exclude<KafkaConnection['sasl'], { readonly token: Token }>
  readonly tokens?: MessagePort
}

type TokenAnswer = { readonly requestId: number } & (
  { readonly token: string } | { readonly failure: string }
)

/** Throws `INVALID_CONFIG` where a thread cannot be told of it: before anything is started. */
export function refuseUnpostable({ tls }: KafkaConnection): void {
  try {
    structuredClone(tls)
  } catch (cause) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `the tls options cannot be given to threads: ${messageOf(cause)}`,
      hint: 'Give plain values only (ca, cert, key, passphrase, servername, …): a function cannot be handed over.',
      cause,
    })
  }
}

/** For one worker: a port is given away once. */
export function postedConnection({ sasl, ...rest }: KafkaConnection): PostedConnection {
  if (sasl === undefined) return rest
  if (!('token' in sasl)) return { ...rest, sasl }
  return { ...rest, tokens: offerTokens(sasl.token) }
}

/** In the worker: as it was given to the application. */
export function receivedConnection({ sasl, tokens, ...rest }: PostedConnection): KafkaConnection {
  if (tokens !== undefined) {
    return { ...rest, sasl: { mechanism: 'oauthbearer', token: askForTokens(tokens) } }
  }
  return sasl === undefined ? rest : { ...rest, sasl }
}

function offerTokens(token: Token): MessagePort {
  const { port1, port2 } = new MessageChannel()
  port1.on('message', (requestId: number) => {
    // A function that throws at once is no different from one that rejects.
    Promise.resolve()
      .then(token)
      .then(
        (given): TokenAnswer => ({ requestId, token: given }),
        (error: unknown): TokenAnswer => ({ requestId, failure: messageOf(error) }),
      )
      .then((answer) => port1.postMessage(answer))
      .catch(() => {})
  })
  // It must not keep the process alive; a worker that ends closes it.
  port1.unref()
  return port2
}

function askForTokens(port: MessagePort): Token {
  const waiting = new Map<number, PromiseWithResolvers<string>>()
  let requestId = 0
  port.on('message', (answer: TokenAnswer) => {
    const asked = waiting.get(answer.requestId)
    waiting.delete(answer.requestId)
    if ('token' in answer) asked?.resolve(answer.token)
    else asked?.reject(new Error(answer.failure))
  })
  return () => {
    requestId += 1
    const asked = Promise.withResolvers<string>()
    waiting.set(requestId, asked)
    port.postMessage(requestId)
    return asked.promise
  }
}
