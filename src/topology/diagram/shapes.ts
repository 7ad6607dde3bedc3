import type { Point } from './layout/graph.ts'
import type { Frame, PictureLine } from './picture.ts'

/** A cylinder that lies: what a topic is drawn as. */
export function lying({ x, y, width, height }: Frame, bow: number, look: string): string {
  const [right, bottom, half] = [x + width - bow, y + height, height / 2]
  const body = `M${right} ${y}H${x + bow}A${bow} ${half} 0 0 0 ${x + bow} ${bottom}H${right}`
  const end = `<ellipse class="${look}" cx="${right}" cy="${y + half}" rx="${bow}" ry="${half}"/>`
  return `<path class="${look}" d="${body}"/>${end}`
}

/** A cylinder that stands: a store. */
export function standing({ x, y, width, height }: Frame, bow: number, look: string): string {
  const [right, top, bottom, half] = [x + width, y + bow, y + height - bow, width / 2]
  const body = `M${x} ${top}V${bottom}A${half} ${bow} 0 0 0 ${right} ${bottom}V${top}`
  const lid = `<ellipse class="${look}" cx="${x + half}" cy="${top}" rx="${half}" ry="${bow}"/>`
  return `<path class="${look}" d="${body}"/>${lid}`
}

export const pathOf = ({ points, shape }: PictureLine): string =>
  shape === 'curves' ? curves(points) : corners(points)

/** Straight where it goes down, an S where it goes down and aside. */
function curves([first, ...rest]: readonly Point[]): string {
  if (first === undefined) return ''
  let path = `M${first.x} ${first.y}`
  let from = first
  for (const to of rest) {
    const middle = (from.y + to.y) / 2
    path += from.x === to.x ? `V${to.y}` : `C${from.x} ${middle} ${to.x} ${middle} ${to.x} ${to.y}`
    from = to
  }
  return path
}

const RADIUS = 8

/** Right angles, rounded. */
function corners(points: readonly Point[]): string {
  const [first] = points
  if (first === undefined) return ''
  let path = `M${first.x} ${first.y}`
  for (const [index, corner] of points.entries()) {
    const [before, after] = [points[index - 1], points[index + 1]]
    if (before === undefined) continue
    if (after === undefined) {
      path += `L${corner.x} ${corner.y}`
      continue
    }
    const start = towards(corner, before)
    const end = towards(corner, after)
    path += `L${start.x} ${start.y}Q${corner.x} ${corner.y} ${end.x} ${end.y}`
  }
  return path
}

/** A little way from a corner, at most half of it. */
function towards(corner: Point, to: Point): Point {
  const length = Math.hypot(to.x - corner.x, to.y - corner.y)
  if (length === 0) return corner
  const part = Math.min(RADIUS, length / 2) / length
  return {
    x: Math.round((corner.x + (to.x - corner.x) * part) * 10) / 10,
    y: Math.round((corner.y + (to.y - corner.y) * part) * 10) / 10,
  }
}
