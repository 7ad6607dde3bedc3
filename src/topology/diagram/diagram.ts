import type { Topology } from '../topology.ts'
import { placed } from './place.ts'
import { sketchOf } from './sketch.ts'
import { svgOf } from './svg.ts'

/**
 * The topology as a picture, in SVG: topics, and in a box for each sub-topology its steps and their
 * stores. The same topology gives the same picture.
 */
export const diagramOf = (topology: Topology): string => svgOf(placed(sketchOf(topology)))
