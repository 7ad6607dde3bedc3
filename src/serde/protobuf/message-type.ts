import protobufjs, { type NamespaceBase, type Type } from 'protobufjs'
import type { SchemaDefinition } from '../registry/schema-registry.ts'

/** A message, and where it stands in its text: in which message of the top, and so on. */
export interface MessageType {
  readonly type: Type
  readonly indexes: readonly number[]
}

/** `name` is the full name, or the short one of a message at the top; by default the first. */
export function messageTypeOf(definition: SchemaDefinition, name?: string): MessageType {
  const root = new protobufjs.Root()
  for (const { schema } of definition.references) parseInto(root, schema)
  const top = parseInto(root, definition.schema)
  root.resolveAll()
  const type = name === undefined ? messagesIn(top)[0] : find(root, top, name)
  if (type === undefined) {
    const there = messagesIn(top).map(fullNameOf).join(', ')
    throw new TypeError(`there is no message "${name ?? ''}", only ${there || 'none at all'}`)
  }
  return { type, indexes: indexesOf(type) }
}

export const fullNameOf = (type: Type): string => type.fullName.replace(/^\./, '')

/** Parses a text and returns the namespace of its package. */
function parseInto(root: protobufjs.Root, text: string): NamespaceBase {
  const parsed = protobufjs.parse(text, root)
  for (const each of parsed.imports ?? []) {
    // The well-known ones of Google come with the parser.
    const known = protobufjs.common.get(each)
    if (known?.nested !== undefined) root.addJSON(known.nested)
  }
  return parsed.package === undefined ? root : (root.lookup(parsed.package) as NamespaceBase)
}

const messagesIn = (parent: NamespaceBase): readonly Type[] =>
  parent.nestedArray.filter((each): each is Type => each instanceof protobufjs.Type)

function find(root: protobufjs.Root, top: NamespaceBase, name: string): Type | undefined {
  const found = top.lookup(name, [protobufjs.Type], true) ?? root.lookup(name, [protobufjs.Type])
  return found instanceof protobufjs.Type ? found : undefined
}

function indexesOf(type: Type): readonly number[] {
  const parent = type.parent as NamespaceBase
  const index = messagesIn(parent).indexOf(type)
  return parent instanceof protobufjs.Type ? [...indexesOf(parent), index] : [index]
}
