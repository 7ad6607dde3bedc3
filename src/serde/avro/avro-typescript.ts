import avsc, { type Schema, type Type } from 'avsc'
import type { SchemaDefinition } from '../registry/schema-registry.ts'

/** Of the types that avsc has, what is needed to write them in TypeScript. */
interface Shape {
  readonly typeName: string
  readonly name?: string
  readonly branchName: string
  readonly fields?: readonly { readonly name: string; readonly type: Shape }[]
  readonly symbols?: readonly string[]
  readonly itemsType?: Shape
  readonly valuesType?: Shape
  readonly types?: readonly Shape[]
}

const primitives: Readonly<Record<string, string>> = {
  null: 'null',
  boolean: 'boolean',
  int: 'number',
  long: 'number',
  float: 'number',
  double: 'number',
  string: 'string',
  bytes: 'Uint8Array',
  fixed: 'Uint8Array',
}

/**
 * The TypeScript types of the values that `avro(schema)` reads: an interface for each record, a
 * union of texts for each enum, and an alias for a schema that is neither. Throws for a schema that
 * is none.
 */
export function avroTypeScript({ schema, references }: SchemaDefinition): string {
  const registry: Record<string, Type> = {}
  for (const each of references) avsc.Type.forSchema(parsed(each.schema), { registry })
  const root = avsc.Type.forSchema(parsed(schema), { registry }) as unknown as Shape
  const writer = new TypesWriter()
  const top = writer.expressionOf(root)
  const alias = isNamed(root) ? [] : [`export type Value = ${top}\n`]
  return [...writer.declarations, ...alias].join('\n')
}

class TypesWriter {
  readonly declarations: string[] = []
  readonly #names = new Map<string, string>()

  expressionOf(type: Shape): string {
    const primitive = primitives[type.typeName]
    if (primitive !== undefined) return primitive
    switch (type.typeName) {
      case 'array':
        return `readonly ${inBrackets(this.expressionOf(type.itemsType as Shape))}[]`
      case 'map':
        return `Readonly<Record<string, ${this.expressionOf(type.valuesType as Shape)}>>`
      case 'union:unwrapped':
        return (type.types ?? []).map((each) => this.expressionOf(each)).join(' | ')
      case 'union:wrapped':
        return (type.types ?? []).map((each) => this.#wrapped(each)).join(' | ')
      default:
        return this.#named(type)
    }
  }

  /** Where values alone would not say which branch they are, avsc puts the branch's name around. */
  #wrapped(branch: Shape): string {
    if (branch.typeName === 'null') return 'null'
    return `{ readonly ${propertyName(branch.branchName)}: ${this.expressionOf(branch)} }`
  }

  #named(type: Shape): string {
    const fullName = type.name ?? 'Value'
    const known = this.#names.get(fullName)
    if (known !== undefined) return known
    const name = this.#freeName(fullName)
    this.#names.set(fullName, name)
    // A record may hold itself, and stands before what it holds.
    const at = this.declarations.push('') - 1
    this.declarations[at] =
      type.symbols === undefined
        ? this.#interface(name, type)
        : `export type ${name} = ${type.symbols.map((each) => `'${each}'`).join(' | ')}\n`
    return name
  }

  #interface(name: string, { fields = [] }: Shape): string {
    const lines = fields.map(
      (field) => `  readonly ${propertyName(field.name)}: ${this.expressionOf(field.type)}`,
    )
    return [`export interface ${name} {`, ...lines, '}', ''].join('\n')
  }

  /** The short name; of the second one that is called so, the namespace too. */
  #freeName(fullName: string): string {
    const taken = new Set(this.#names.values())
    const words = fullName.split('.')
    const short = words.at(-1) ?? fullName
    if (!taken.has(short)) return short
    const long = words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join('')
    return taken.has(long) ? `${long}${taken.size}` : long
  }
}

const isNamed = ({ typeName }: Shape): boolean => /^(record|error|enum)$/.test(typeName)

const inBrackets = (type: string): string => (/[ |]/.test(type) ? `(${type})` : type)

const propertyName = (name: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`

const primitiveNames = new Set(Object.keys(primitives))

const parsed = (text: string): Schema =>
  (primitiveNames.has(text) ? text : JSON.parse(text)) as Schema
