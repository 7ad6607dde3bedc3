import type { Import } from './imports.ts'
import { isTest } from './source.ts'

/** The table of docs/ARCHITECTURE.md: who may import whom. A room may always import itself. */
const state = ['state', 'state/*']
const client = ['kafka/client', 'kafka/memory', 'kafka/wire']
const arrows: Readonly<Record<string, readonly string[]>> = {
  core: [],
  serde: ['core'],
  kafka: ['core'],
  'kafka/*': ['kafka', 'kafka/wire', 'core'],
  state: ['serde', 'core'],
  'state/*': [...state, 'serde', 'core'],
  topology: ['state', 'serde', 'core'],
  operators: ['topology', 'state', 'serde', 'core'],
  dsl: ['operators', 'topology', 'serde', 'core'],
  runtime: ['topology', ...state, 'serde', 'kafka', 'kafka/client', 'kafka/wire', 'core'],
  query: ['runtime', ...state, 'serde', 'core'],
  server: ['query', 'admin', 'core'],
  admin: ['runtime', 'topology', 'kafka', 'kafka/client', 'serde', 'core'],
  testing: ['runtime', 'topology', 'kafka', ...client, ...state, 'serde', 'core'],
  app: ['*', '!cli', '!testing', '!dev'],
  cli: ['app', 'admin', 'dev', 'topology', 'kafka', 'serde', 'core'],
  dev: ['core'],
  index: ['*', '!cli', '!dev', '!testing'],
}

/** Each is known to one folder only. */
const packagesAtHome: Readonly<Record<string, string>> = {
  kafkajs: 'src/kafka/kafkajs/',
  lmdb: 'src/state/lmdb/',
  avsc: 'src/serde/avro/',
  ajv: 'src/serde/json-schema/',
  protobufjs: 'src/serde/protobuf/',
  '@kafkajs': 'src/serde/registry/',
  '@opentelemetry': 'src/app/',
}

/**
 * The room of a file: the first folder below `src`, and the second one for `kafka` and `state`,
 * whose own files are their ports.
 */
export function roomOf(path: string): string | undefined {
  const [top, room, sub, deeper] = path.split('/')
  if (top !== 'src' || room === undefined) return undefined
  if (sub === undefined) return room === 'index.ts' ? 'index' : undefined
  const hasPorts = room === 'kafka' || room === 'state'
  return hasPorts && deeper !== undefined ? `${room}/${sub}` : room
}

const wildcard = (room: string): string => room.replace(/\/.*/, '/*')

function mayImport(from: string, to: string): boolean {
  if (from === to) return true
  const allowed = arrows[from] ?? arrows[wildcard(from)]
  if (allowed === undefined) return false
  if (allowed.includes(`!${to}`)) return false
  return allowed.includes('*') || allowed.includes(to) || allowed.includes(wildcard(to))
}

export function brokenArrows(imports: readonly Import[]): readonly string[] {
  const shipped = imports.filter((each) => !isTest(each.from))
  const problems = shipped.flatMap(({ from, to }) => {
    const home = packagesAtHome[to.split('/')[0] as string]
    if (home !== undefined && from.startsWith('src/') && !from.startsWith(home)) {
      return [`${from} imports ${to}, which belongs to ${home}`]
    }
    const [room, other] = [roomOf(from), roomOf(to)]
    if (room === undefined || other === undefined || mayImport(room, other)) return []
    return [`${from} imports ${to}: ${room} may not import ${other}`]
  })
  const unknown = shipped
    .map(({ from }) => roomOf(from))
    .filter((room) => room !== undefined && !(room in arrows) && !(wildcard(room) in arrows))
  return [...problems, ...new Set(unknown.map((room) => `${room} is not in the table of rooms`))]
}
