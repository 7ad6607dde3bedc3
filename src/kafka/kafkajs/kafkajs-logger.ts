import type { KafkajsLogger } from 'kafkajs/src/network/connection.js'
import type { Logger } from '../../core/logger.ts'

/** kafkajs calls a refused connection an error; to us it is one of several attempts, so all of it is debug. */
export function kafkajsLogger(logger: Logger): KafkajsLogger {
  const log = (message: string, extra: object = {}): void => logger.debug(extra, message)
  return {
    info: log,
    warn: log,
    error: log,
    debug: log,
    namespace: (name) => kafkajsLogger(logger.child({ kafkajs: name })),
  }
}
