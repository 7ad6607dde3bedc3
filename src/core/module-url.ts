/**
 * The URL of a sibling module by its name without an ending: `.ts` when run from source, `.js` when
 * run from `dist`. The compiler rewrites import statements but not URLs.
 */
export function moduleUrl(name: string, importMetaUrl: string): URL {
  const ending = importMetaUrl.endsWith('.ts') ? '.ts' : '.js'
  return new URL(`${name}${ending}`, importMetaUrl)
}
