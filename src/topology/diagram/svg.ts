import { shown, sizes } from './measures.ts'
import type { Frame, Picture, PictureLine } from './picture.ts'
import type { SketchCard, SketchStore, SketchTopic } from './sketch.ts'
import { lying, pathOf, standing } from './shapes.ts'
import { rootClass, styleSheet } from './style.ts'
import { textWidth } from './text-width.ts'

/** The picture as one SVG that needs nothing else. */
export function svgOf(picture: Picture): string {
  const { title, lines, boxes, topics, cards, stores } = picture
  const footer = footerOf(picture)
  const width = Math.max(picture.width, footer.width, headerWidth(title))
  const height = picture.height + footer.height
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="${rootClass}" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<style>${styleSheet}</style>`,
    `<defs><marker id="${rootClass}-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="head" d="M0 0.6L8 4L0 7.4Z"/></marker></defs>`,
    `<rect class="paper" width="${width}" height="${height}"/>`,
    `<text x="${sizes.margin}" y="${sizes.margin + sizes.title - 2}" font-size="${sizes.title}" font-weight="600">${escaped(title)}</text>`,
    ...boxes.map(boxOf),
    ...lines.map(lineOf),
    ...topics.map(({ topic, ...frame }) => topicOf(frame, topic)),
    ...stores.map(({ store, ...frame }) => storeOf(frame, store)),
    ...cards.map(({ card, ...frame }) => cardOf(frame, card)),
    ...lines.map(labelOf),
    ...footer.parts,
    '</svg>',
    '',
  ]
    .filter((part, index, all) => part !== '' || index === all.length - 1)
    .join('\n')
}

const headerWidth = (title: string): number => textWidth(title, sizes.title) + 2 * sizes.margin

const boxOf = ({ x, y, width, height, title, titleX }: Picture['boxes'][number]): string =>
  [
    `<rect class="box" x="${x}" y="${y}" width="${width}" height="${height}" rx="10"/>`,
    textOf({ x: x + titleX, y: y + 20 }, title, {
      size: sizes.small,
      look: 'faint',
      anchor: 'start',
    }),
  ].join('')

const lineOf = (line: PictureLine): string => {
  const end = line.kind === 'record' ? ` marker-end="url(#${rootClass}-arrow)"` : ''
  const look = line.kind === 'store' ? 'line kept' : 'line'
  return `<path class="${look}" d="${pathOf(line)}"${end}/>`
}

/** Above the arrow, where lines of different branches are apart. */
function labelOf({ label, points }: PictureLine): string {
  const end = points.at(-1)
  if (label === undefined || end === undefined) return ''
  const at = { x: end.x, y: end.y - 13 }
  return textOf(at, shown(label), { size: sizes.small, look: 'faint halo', anchor: 'middle' })
}

function topicOf(frame: Frame, { label, kind }: SketchTopic): string {
  const look = kind === 'repartition' ? 'topic inner' : 'topic'
  const middle = { x: frame.x + (frame.width - sizes.bow) / 2, y: frame.y + frame.height / 2 + 4.5 }
  const style = kind === 'chosen' ? 'italic' : 'normal'
  const text = textOf(middle, shown(label), { size: sizes.text, anchor: 'middle', style })
  return `<g>${titleOf(label)}${lying(frame, sizes.bow, look)}${text}</g>`
}

function storeOf(frame: Frame, { label, note }: SketchStore): string {
  const x = frame.x + frame.width / 2
  const name = textOf({ x, y: frame.y + 30 }, shown(label), { size: sizes.small, anchor: 'middle' })
  const what =
    note === undefined
      ? ''
      : textOf({ x, y: frame.y + 46 }, note, { size: sizes.small, anchor: 'middle', look: 'faint' })
  return `<g>${titleOf(label)}${standing(frame, sizes.bow, 'store')}${name}${what}</g>`
}

function cardOf(frame: Frame, { title, detail, stores }: SketchCard): string {
  const { x, y, width, height } = frame
  const middle = x + width / 2
  const parts = [
    titleOf(detail === undefined ? title : `${title}: ${detail}`),
    `<rect class="card" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>`,
    textOf({ x: middle, y: y + 23 }, shown(title), {
      size: sizes.text,
      anchor: 'middle',
      weight: 600,
    }),
  ]
  let bottom = y + sizes.cardHeight
  if (detail !== undefined) {
    const at = { x: middle, y: bottom + 5 }
    parts.push(textOf(at, shown(detail), { size: sizes.small, anchor: 'middle', look: 'faint' }))
    bottom += sizes.cardLine
  }
  for (const store of stores) {
    parts.push(
      `<path class="rule" d="M${x + 1} ${bottom}H${x + width - 1}"/>`,
      rowOf(store, middle, bottom),
    )
    bottom += sizes.storeRow
  }
  return `<g>${parts.join('')}</g>`
}

/** A store in the card of the only step that uses it. */
function rowOf({ label, note }: SketchStore, middle: number, top: number): string {
  const name = shown(label)
  const rest = note === undefined ? '' : ` · ${note}`
  const left = middle - (18 + textWidth(name + rest, sizes.small)) / 2
  const icon = { x: Math.round(left), y: top + 6, width: 12, height: 14 }
  const after =
    rest === ''
      ? ''
      : `<tspan class="faint" dx="${sizes.small / 3}">${escaped(rest.trim())}</tspan>`
  return [
    standing(icon, 2.5, 'store'),
    `<text x="${Math.round(left) + 18}" y="${top + 17}" font-size="${sizes.small}">${escaped(name)}${after}</text>`,
  ].join('')
}

interface TextLook {
  readonly size: number
  readonly anchor: 'start' | 'middle'
  readonly look?: string
  readonly weight?: number
  readonly style?: string
}

function textOf(
  { x, y }: { readonly x: number; readonly y: number },
  text: string,
  { size, anchor, look, weight, style = 'normal' }: TextLook,
): string {
  const attributes = [
    look === undefined ? '' : ` class="${look}"`,
    ` x="${x}" y="${y}" font-size="${size}"`,
    anchor === 'start' ? '' : ` text-anchor="${anchor}"`,
    weight === undefined ? '' : ` font-weight="${weight}"`,
    style === 'normal' ? '' : ` font-style="${style}"`,
  ]
  return `<text${attributes.join('')}>${escaped(text)}</text>`
}

interface Footer {
  readonly width: number
  readonly height: number
  readonly parts: readonly string[]
}

/** What the shapes mean, and where records go that fail. */
function footerOf({ height, deadLetters, topics, cards, stores }: Picture): Footer {
  const parts: string[] = []
  let x: number = sizes.margin
  const y = height
  const add = (icon: (at: Frame) => string, text: string): void => {
    parts.push(icon({ x, y: y - 9, width: 22, height: 12 }))
    const at = { x: x + 28, y: y + 1 }
    parts.push(textOf(at, text, { size: sizes.small, anchor: 'start', look: 'faint' }))
    x += 28 + textWidth(text, sizes.small) + 22
  }
  const kinds = new Set(topics.map(({ topic }) => topic.kind))
  if (topics.some(({ topic }) => topic.kind !== 'repartition'))
    add((at) => lying(at, 3, 'topic'), 'topic')
  if (kinds.has('repartition')) {
    add((at) => lying(at, 3, 'topic inner'), 'internal topic')
  }
  if (stores.length > 0 || cards.some(({ card }) => card.stores.length > 0)) {
    add(
      (at) => standing({ ...at, x: at.x + 5, width: 12, y: at.y - 1, height: 14 }, 2.5, 'store'),
      'store',
    )
  }
  if (deadLetters !== undefined) {
    add((at) => lying(at, 3, 'failed'), `records that fail: ${deadLetters}`)
  }
  return { parts, width: x - 22 + sizes.margin, height: sizes.margin - 8 }
}

const titleOf = (text: string): string =>
  shown(text) === text ? '' : `<title>${escaped(text)}</title>`

const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
