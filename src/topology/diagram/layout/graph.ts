/** What a layout is made of: boxes of known size, and lines from one to the other. */
export interface LayoutNode {
  readonly id: string
  readonly width: number
  readonly height: number
  /** In the first or the last layer, whatever its lines say. */
  readonly pin?: 'first' | 'last' | undefined
}

export interface LayoutEdge {
  readonly id: string
  readonly from: string
  readonly to: string
  /** Where the line leaves and arrives, from the middle of the box; 0 where nothing is said. */
  readonly fromX?: number
  readonly toX?: number
}

export interface LayoutGraph {
  readonly nodes: readonly LayoutNode[]
  /** Without cycles. */
  readonly edges: readonly LayoutEdge[]
}

export interface Gaps {
  readonly betweenLayers: number
  readonly betweenNodes: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Layout {
  readonly width: number
  readonly height: number
  /** Upper left corners. */
  readonly nodes: ReadonlyMap<string, Point>
  /** Corners of lines; between two at different places across the line is a curve. */
  readonly edges: ReadonlyMap<string, readonly Point[]>
}
