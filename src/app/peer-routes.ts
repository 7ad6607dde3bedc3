import { StreamsError } from '../core/errors.ts'
import {
  readRowsQuestion,
  readValueQuestion,
  rowsPath,
  valuePath,
  writeRowsAnswer,
  writeValueAnswer,
} from '../query/peer-protocol.ts'
import { json, type Route } from '../server/http-server.ts'
import type { StoreReader } from './store-reader.ts'

/** What other instances are told: of the tasks of this one only, so a question goes no further. */
export const peerRoutes = (reader: StoreReader): readonly Route[] => [
  {
    path: valuePath,
    answer: async ({ process = '', name = '' }, query) => {
      checkProcess(reader, process)
      return json(200, writeValueAnswer(await reader.ownValue(readValueQuestion(name, query))))
    },
  },
  {
    path: rowsPath,
    answer: async ({ process = '', name = '' }, query) => {
      checkProcess(reader, process)
      return json(200, writeRowsAnswer(await reader.ownRows(readRowsQuestion(name, query))))
    },
  },
]

/** Two processes that share an address after each other must not answer for each other. */
function checkProcess({ processId }: StoreReader, asked: string): void {
  if (processId === asked) return
  throw new StreamsError('STORE_UNAVAILABLE', {
    message: `this is process ${processId}, not ${asked}`,
    hint: 'Check that every instance has an --application-server of its own.',
  })
}
