import { parseArgs } from 'node:util'

/**
 * The options of a script, all of them numbers, and `--keep`. Undefined when help was asked for and
 * given; a `TypeError` for what is not an option.
 */
export function numbersFrom<T extends Readonly<Record<string, number>>>(
  args: readonly string[],
  usage: string,
  defaults: T,
): (T & { readonly keep: boolean }) | undefined {
  const parsed = parseArgs({
    args: [...args],
    options: {
      ...(Object.fromEntries(
        Object.keys(defaults).map((name) => [name, { type: 'string' }]),
      ) as Record<string, { type: 'string' }>),
      keep: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const values: Readonly<Record<string, unknown>> = parsed.values
  if (values['help'] === true) {
    process.stdout.write(`${usage}\n`)
    return undefined
  }
  const numbers = Object.entries(defaults).map(([name, preset]) => {
    const given = values[name]
    const number = given === undefined ? preset : Number(given)
    if (Number.isFinite(number) && number >= 0) return [name, number]
    throw new TypeError(`--${name} takes a number, not "${String(given)}"`)
  })
  return { ...(Object.fromEntries(numbers) as T), keep: values['keep'] === true }
}
