import { readFileSync, statSync } from 'node:fs'
import { systemClock } from '../core/clock.ts'
import { messageOf, StreamsError } from '../core/errors.ts'
import { avroTypeScript } from '../serde/avro/avro-typescript.ts'
import { confluentRegistry } from '../serde/registry/confluent-registry.ts'
import type { SchemaDefinition } from '../serde/registry/schema-registry.ts'
import { badUsage, connectionOptions, type Command, type CommandLine } from './command-line.ts'
import { schemaRegistryFrom } from './connection.ts'
import { print } from './terminal.ts'

const registryOptions = Object.fromEntries(
  Object.entries(connectionOptions).filter(([name]) => name.startsWith('schema-registry')),
)

export const schemaTypes: Command = {
  usage: 'schema types <file.avsc|subject> [--schema-registry URL]',
  help: 'Prints the TypeScript types of an Avro schema: of a file, or of the newest version of a subject.',
  operand: '<file.avsc|subject>',
  options: registryOptions,
  run: async (line) => {
    const [source = ''] = line.operands
    const definition = await definitionOf(source, line)
    if (definition.type !== 'AVRO') {
      throw badUsage(
        `subject "${source}" is ${definition.type}, and types are of Avro`,
        line.command,
      )
    }
    print(
      `// Written by \`millrace schema types ${source}\`.\n\n${typesOf(definition, source)}`.trimEnd(),
    )
    return 0
  },
}

async function definitionOf(source: string, line: CommandLine): Promise<SchemaDefinition> {
  if (statSync(source, { throwIfNoEntry: false })?.isFile() === true) {
    return { type: 'AVRO', schema: readFileSync(source, 'utf8'), references: [] }
  }
  if (source.endsWith('.avsc')) throw badUsage(`there is no file ${source}`, line.command)
  const connection = schemaRegistryFrom(line)
  if (connection === undefined) {
    const what = `there is no file ${source}, and a subject needs --schema-registry`
    throw badUsage(what, line.command)
  }
  return (await confluentRegistry(connection, systemClock).latest(source)).definition
}

function typesOf(definition: SchemaDefinition, source: string): string {
  try {
    return avroTypeScript(definition)
  } catch (error) {
    throw new StreamsError('INVALID_CONFIG', {
      message: `${source} is no Avro schema: ${messageOf(error)}`,
      hint: 'Check it against the Avro specification.',
      cause: error,
    })
  }
}
