/** What validators have in common (Standard Schema 1: zod, valibot, arktype and others). */
export interface StandardSchema<out Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}

type Validated<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly Issue[] }

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** The value as the schema makes it, or a `TypeError` that names each thing that is wrong. */
export function validated<T>(schema: StandardSchema<T>, value: unknown): T {
  const { validate, vendor } = schema['~standard']
  const result = validate(value)
  if (result instanceof Promise) {
    throw new TypeError(
      `the ${vendor} schema validates asynchronously, which a record cannot wait for`,
    )
  }
  if (result.issues === undefined) return result.value
  throw new TypeError(result.issues.map(described).join('; '))
}

const described = ({ message, path = [] }: Issue): string => {
  const place = path.map((each) => String(typeof each === 'object' ? each.key : each)).join('.')
  return place === '' ? message : `${place}: ${message}`
}
