import { headerText, type Headers } from '../../src/core/record.ts'

/** Every generated record carries one of its own, which goes with it wherever it goes. */
export const inputIdHeader = 'demo-input-id'

/** The `number`th record of a run, counted from 1. */
export const inputId = (run: string, number: number): string => `${run}/${number}`

/** Its number; undefined for a record of another run, or one without an id. */
export function inputNumber(headers: Headers, run: string): number | undefined {
  const id = headerText(headers, inputIdHeader)
  return id?.startsWith(`${run}/`) === true ? Number(id.slice(run.length + 1)) : undefined
}
