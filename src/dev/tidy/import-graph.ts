import type { Import } from './imports.ts'

/** Each cycle of imports that run when a module is loaded, as `a → b → a`, once. */
export function cycles(imports: readonly Import[]): readonly string[] {
  const edges = targetsByFile(imports.filter((each) => each.kind === 'value'))
  const finished = new Set<string>()
  const path: string[] = []
  const found: string[] = []
  const visit = (file: string): void => {
    const start = path.indexOf(file)
    if (start >= 0) found.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || finished.has(file)) return
    path.push(file)
    for (const target of edges.get(file) ?? []) visit(target)
    path.pop()
    finished.add(file)
  }
  for (const file of edges.keys()) visit(file)
  return found
}

/** Files that no entry leads to, by imports of any kind. */
export function orphans(
  files: readonly string[],
  imports: readonly Import[],
  isEntry: (path: string) => boolean,
): readonly string[] {
  const edges = targetsByFile(imports)
  const reached = new Set<string>()
  const open = files.filter(isEntry)
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue
    reached.add(file)
    open.push(...(edges.get(file) ?? []))
  }
  return files.filter((file) => !reached.has(file))
}

function targetsByFile(imports: readonly Import[]): ReadonlyMap<string, readonly string[]> {
  const targets = new Map<string, string[]>()
  for (const { from, to } of imports) {
    const known = targets.get(from)
    if (known === undefined) targets.set(from, [to])
    else known.push(to)
  }
  return targets
}
