import type { SketchLine, SketchTopic } from './sketch.ts'

/**
 * The lines that lead back to where others come from, as those of a loop do: without them the rest
 * goes one way, from the topics that nobody here writes, or else from those of the user.
 */
export function backLines(
  lines: readonly SketchLine[],
  topics: readonly SketchTopic[],
): ReadonlySet<SketchLine> {
  const [fromOf, toOf] = [
    ({ direction, topic, group }: SketchLine) => (direction === 'in' ? topic : group),
    ({ direction, topic, group }: SketchLine) => (direction === 'in' ? group : topic),
  ]
  const outgoing = Map.groupBy(lines, fromOf)
  const entered = new Set(lines.map(toOf))
  const back = new Set<SketchLine>()
  const done = new Set<string>()
  const under = new Set<string>()
  const visit = (id: string): void => {
    if (done.has(id)) return
    done.add(id)
    under.add(id)
    for (const line of outgoing.get(id) ?? []) {
      const next = toOf(line)
      if (under.has(next)) back.add(line)
      else visit(next)
    }
    under.delete(id)
  }
  const external = topics.filter(({ kind }) => kind !== 'repartition').map(({ id }) => id)
  for (const id of topics.map((topic) => topic.id).filter((each) => !entered.has(each))) visit(id)
  for (const id of [...external, ...lines.map(({ group }) => group)]) visit(id)
  return back
}
