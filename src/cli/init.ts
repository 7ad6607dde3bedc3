import { basename, resolve } from 'node:path'
import type { Command } from './command-line.ts'
import { starterFiles, writeStarter } from './starter.ts'
import { print } from './terminal.ts'

export const init: Command = {
  usage: 'init <dir> [--name NAME] [--overwrite]',
  help: [
    'Writes a new service into a folder: a topology with its test, package.json, tsconfig.json,',
    'Dockerfile, docker-compose.yml with a Kafka, and a README with the commands.',
  ].join('\n'),
  operand: '<dir>',
  options: {
    name: {
      type: 'string',
      value: 'NAME',
      help: "of package, application and topics (the folder's)",
    },
    overwrite: { type: 'boolean', help: 'replace files that are there' },
  },
  run: async (line) => {
    const [folder = ''] = line.operands
    const name = line.text('name') ?? basename(resolve(folder))
    const files = starterFiles(name)
    writeStarter(folder, files, line.flag('overwrite'))
    print(`${name}: wrote ${files.length} files into ${folder}`)
    for (const { path } of files) print(`  ${path}`)
    print('')
    print('Next:')
    if (resolve(folder) !== process.cwd()) print(`  cd ${folder}`)
    print('  npm install')
    print('  npm test')
    print('README.md there says how to run it.')
    return 0
  },
}
