import { messageOf } from '../core/errors.ts'
import type { GroupProcess } from '../runtime/assignment/subscription.ts'
import { readRowsAnswer, readValueAnswer, rowsUrl, valueUrl } from './peer-protocol.ts'
import type { RowsAnswer, RowsQuestion, ValueAnswer, ValueQuestion } from './question.ts'

/** A thread answers between two turns of its loop: who takes longer is stuck, or gone. */
const ANSWER_WITHIN_MS = 3_000

/** Another instance could not be asked, or would not say; never that a key is not there. */
export class PeerFailure extends Error {}

export interface Peer extends GroupProcess {
  /** For its HTTP; undefined: it needs none. */
  readonly authorization: string | undefined
}

/** What another instance has of a key; undefined where none of its tasks owns it. */
export const askForValue = async (
  peer: Peer,
  question: ValueQuestion,
): Promise<ValueAnswer | undefined> =>
  readValueAnswer(await ask(peer, (server) => valueUrl(server, peer.processId, question)))

/** What another instance has of some rows. */
export const askForRows = async (peer: Peer, question: RowsQuestion): Promise<RowsAnswer> =>
  readRowsAnswer(await ask(peer, (server) => rowsUrl(server, peer.processId, question)))

async function ask(
  { processId, server, authorization }: Peer,
  urlAt: (server: string) => string,
): Promise<unknown> {
  if (server === undefined) {
    throw new PeerFailure(`process ${processId} advertises no address`)
  }
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    const headers = authorization === undefined ? {} : { authorization }
    const response = await fetch(urlAt(server), { signal, headers, redirect: 'error' })
    const body: unknown = await response.json()
    if (response.ok) return body
    const { error } = body as { readonly error?: { readonly message?: string } }
    throw new PeerFailure(`${server} answers ${response.status}: ${error?.message ?? 'no reason'}`)
  } catch (error) {
    if (error instanceof PeerFailure) throw error
    throw new PeerFailure(`${server} does not answer: ${reasonOf(error)}`)
  }
}

/** `fetch failed` says nothing; what it was caused by does. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error
    ? error.cause.message || String((error.cause as NodeJS.ErrnoException).code)
    : messageOf(error)
