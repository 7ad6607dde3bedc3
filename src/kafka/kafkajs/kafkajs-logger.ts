import type { KafkajsLogger } from 'kafkajs/src/network/connection.js'
import type { Logger } from '../../core/logger.ts'

/** All of it is debug: what kafkajs calls an error is to us one of several attempts. */
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
