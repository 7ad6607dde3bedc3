/** Cents as people write them. */
export const money = (cents: number): string => (cents / 100).toFixed(2)

/** JSON in words; what cannot be read that way is shown as it is. */
export function inWords(text: string, words: (value: never) => string): string {
  try {
    return words(JSON.parse(text) as never)
  } catch {
    return text
  }
}
