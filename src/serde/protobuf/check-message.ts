import protobufjs, { type Field, type Type } from 'protobufjs'

/**
 * Throws for a value that is not of the message. protobufjs would turn what does not fit into a
 * zero, which is how data is lost without a word.
 */
export function checkMessage(type: Type, value: unknown, path = ''): void {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) {
    throw wrong(path, `a ${type.name}`, value)
  }
  for (const [name, each] of Object.entries(value)) {
    const field = type.fields[name]
    if (field === undefined) throw new TypeError(`${path}/${name}: ${type.name} has no such field`)
    if (each !== undefined && each !== null) checkField(field, each, `${path}/${name}`)
  }
  for (const field of type.fieldsArray) {
    const given = (value as Readonly<Record<string, unknown>>)[field.name]
    if (field.required && (given === undefined || given === null)) {
      throw new TypeError(`${path}/${field.name}: is required`)
    }
  }
}

function checkField(field: Field, value: unknown, path: string): void {
  if (field.repeated) {
    if (!Array.isArray(value)) throw wrong(path, 'an array', value)
    value.forEach((each, index) => checkOne(field, each, `${path}/${index}`))
  } else if (field.map) {
    if (typeof value !== 'object' || value === null) throw wrong(path, 'an object', value)
    for (const [key, each] of Object.entries(value)) checkOne(field, each, `${path}/${key}`)
  } else {
    checkOne(field, value, path)
  }
}

function checkOne(field: Field, value: unknown, path: string): void {
  const { resolvedType } = field
  if (resolvedType instanceof protobufjs.Type) return checkMessage(resolvedType, value, path)
  if (resolvedType instanceof protobufjs.Enum) {
    const isKnown = typeof value === 'string' ? value in resolvedType.values : isInteger(value, 32)
    if (!isKnown) throw wrong(path, `a ${resolvedType.name}`, value)
    return
  }
  if (!fits(field.type, value)) throw wrong(path, `a ${field.type}`, value)
}

function fits(type: string, value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'bool':
      return typeof value === 'boolean'
    case 'bytes':
      return value instanceof Uint8Array
    case 'double':
    case 'float':
      return typeof value === 'number'
    case 'uint32':
    case 'fixed32':
      return isInteger(value, 33) && (value as number) >= 0
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return isInteger(value, 32)
    case 'uint64':
    case 'fixed64':
      return isLong(value, 0n, 2n ** 64n)
    default:
      return isLong(value, -(2n ** 63n), 2n ** 63n)
  }
}

const isInteger = (value: unknown, bits: number): boolean =>
  Number.isInteger(value) &&
  (value as number) >= -(2 ** (bits - 1)) &&
  (value as number) < 2 ** (bits - 1)

/** A whole number that is exact, or its decimal digits. */
function isLong(value: unknown, min: bigint, end: bigint): boolean {
  const isExact =
    typeof value === 'string' ? /^-?\d{1,20}$/.test(value) : Number.isSafeInteger(value)
  if (!isExact) return false
  const exact = BigInt(value as string | number)
  return exact >= min && exact < end
}

const wrong = (path: string, expected: string, value: unknown): TypeError =>
  new TypeError(`${path === '' ? 'the value' : path}: ${describe(value)} is not ${expected}`)

const describe = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? JSON.stringify(value) : typeof value
