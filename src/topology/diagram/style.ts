/** Colours by daylight and at night; a picture in a page follows its reader's setting. */
interface Palette {
  readonly paper: string
  readonly ink: string
  readonly faint: string
  readonly box: string
  readonly boxEdge: string
  readonly card: string
  readonly cardEdge: string
  readonly topic: string
  readonly topicEdge: string
  readonly store: string
  readonly storeEdge: string
  readonly failed: string
  readonly failedEdge: string
  readonly line: string
}

const day: Palette = {
  paper: '#ffffff',
  ink: '#1c2733',
  faint: '#5d6b7a',
  box: '#f5f7fa',
  boxEdge: '#cfd8e3',
  card: '#ffffff',
  cardEdge: '#93a4b8',
  topic: '#fff4de',
  topicEdge: '#d99a2b',
  store: '#e3f4ee',
  storeEdge: '#3d9a7c',
  failed: '#fdebea',
  failedEdge: '#c8524a',
  line: '#64758a',
}

const night: Palette = {
  paper: '#12181f',
  ink: '#e6edf4',
  faint: '#9aa8b8',
  box: '#1a222c',
  boxEdge: '#33414f',
  card: '#232e3a',
  cardEdge: '#5c7086',
  topic: '#3a2f18',
  topicEdge: '#d9a648',
  store: '#17352c',
  storeEdge: '#57b897',
  failed: '#3a201f',
  failedEdge: '#d9776f',
  line: '#8597aa',
}

/** Of the picture: its rules must not change the page that it is part of. */
export const rootClass = 'millrace-topology'

const scoped = (rules: Readonly<Record<string, string>>): string =>
  Object.entries(rules)
    .map(([selector, rule]) => `.${rootClass} ${selector}{${rule}}`)
    .join('')

const coloured = (colours: Palette): string =>
  scoped({
    '.paper': `fill:${colours.paper}`,
    text: `fill:${colours.ink}`,
    '.faint': `fill:${colours.faint}`,
    '.halo': `stroke:${colours.box}`,
    '.box': `fill:${colours.box};stroke:${colours.boxEdge}`,
    '.card': `fill:${colours.card};stroke:${colours.cardEdge}`,
    '.rule': `stroke:${colours.boxEdge}`,
    '.topic': `fill:${colours.topic};stroke:${colours.topicEdge}`,
    '.store': `fill:${colours.store};stroke:${colours.storeEdge}`,
    '.failed': `fill:${colours.failed};stroke:${colours.failedEdge}`,
    '.line': `stroke:${colours.line}`,
    '.head': `fill:${colours.line}`,
  })

const fonts =
  "ui-sans-serif,system-ui,-apple-system,'Segoe UI','Helvetica Neue',Helvetica,Arial,sans-serif"

export const styleSheet = [
  scoped({
    text: `font-family:${fonts}`,
    '.line': 'fill:none;stroke-width:1.4',
    '.kept': 'stroke-dasharray:2 3',
    '.inner': 'stroke-dasharray:5 3',
    '.halo': 'stroke-width:4;stroke-linejoin:round;paint-order:stroke',
  }),
  coloured(day),
  `@media (prefers-color-scheme:dark){${coloured(night)}}`,
].join('')
