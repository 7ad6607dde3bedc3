import { assert } from '../../core/errors.ts'
import { KafkaError, type KafkaErrorKind } from '../port.ts'
import { kafkaErrorFrom } from '../wire/error-codes.ts'

const ERROR_CODE_MAX = 140

/** From the one table of both adapters, so that they never differ in what a caller may do. */
const kinds: ReadonlyMap<string, KafkaErrorKind> = new Map(
  Array.from({ length: ERROR_CODE_MAX }, (_, code) => kafkaErrorFrom(code, 'a request')).map(
    (error) => [error.code, error.kind],
  ),
)

/** What a broker answers instead of yes; the code is Kafka's own name of the error. */
export function refusal(code: string, message: string): KafkaError {
  const kind = kinds.get(code)
  assert(kind !== undefined, `${code} is an error of Kafka`)
  return new KafkaError(code, kind, message)
}

/** Whether the request took effect, the caller cannot know. */
export const answerLost = (message: string): KafkaError =>
  new KafkaError('NETWORK', 'network', message)
