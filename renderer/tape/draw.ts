import type { Sign } from '../formatting/votes.ts'
import { formatCount } from '../formatting/number.ts'
import type { TapeColumn } from './layout.ts'

export interface TapeColours {
  readonly agrees: string
  readonly dissents: string
  readonly late: string
  readonly answered: string
  readonly line: string
  readonly label: string
  readonly failGround: string
  readonly checkpointGround: string
  readonly ground: string
  readonly selected: string
}

/** Distances in CSS pixels. */
export interface TapeMeasures {
  readonly pitch: number
  readonly rowHeight: number
  readonly radius: number
  /** Above the first row. */
  readonly top: number
  /** From the last row to the baseline. */
  readonly foot: number
  /** Under the baseline, for slot numbers; 0 for none. */
  readonly labels: number
  readonly labelFont: string
}

export const TAPE_LARGE: TapeMeasures = {
  pitch: 14,
  rowHeight: 18,
  radius: 4,
  top: 4,
  foot: 5,
  labels: 18,
  labelFont: '12px "JetBrains Mono Variable", monospace',
}
export const TAPE_SMALL: TapeMeasures = {
  pitch: 8,
  rowHeight: 8,
  radius: 2.5,
  top: 1,
  foot: 3,
  labels: 0,
  labelFont: '',
}

/** Slots from one number under the baseline to the next. */
const LABEL_EVERY = 10

export function tapeHeight(measures: TapeMeasures, rows: number): number {
  return measures.top + rows * measures.rowHeight + measures.foot + measures.labels + 2
}

export interface TapePicture {
  readonly columns: readonly TapeColumn[]
  readonly rows: number
  readonly width: number
  /** Pixels by which the newest column still stands to the right of its place. */
  readonly shift: number
  readonly selected: number | null
  readonly measures: TapeMeasures
  readonly colours: TapeColours
}

/** Draws the whole tape. The context is scaled to CSS pixels already. */
export function drawTape(context: CanvasRenderingContext2D, picture: TapePicture): void {
  const { columns, rows, width, measures, colours, selected } = picture
  const baseline = Math.round(measures.top + rows * measures.rowHeight + measures.foot) + 0.5
  context.clearRect(0, 0, width, tapeHeight(measures, rows))
  context.strokeStyle = colours.line
  context.lineWidth = 1
  context.beginPath()
  context.moveTo(0, baseline)
  context.lineTo(width, baseline)
  context.stroke()
  let labelledTo = Number.POSITIVE_INFINITY
  for (const [index, column] of columns.entries()) {
    const centre = columnCentre(index, picture)
    if (centre < measures.radius) break
    if (column.kind === 'gap') {
      drawGap(context, centre, baseline, picture)
      continue
    }
    if (selected !== null && selected >= column.first && selected <= column.last) {
      context.fillStyle = colours.selected
      context.fillRect(centre - measures.pitch / 2, 0, measures.pitch, baseline)
    }
    if (column.checkpoint) drawCheckpoint(context, centre, baseline, picture)
    if (column.signs.length === 0) drawNothing(context, centre, baseline, picture)
    if (column.failed) drawFail(context, centre, baseline, picture)
    for (const [row, sign] of column.signs.entries()) {
      const middle = measures.top + row * measures.rowHeight + measures.rowHeight / 2
      drawSign(context, sign, { x: centre, y: middle, radius: measures.radius }, colours)
    }
    const labelled = measures.labels > 0 && crossesLabel(column) && centre < labelledTo
    if (labelled) labelledTo = drawLabel(context, column.last - (column.last % LABEL_EVERY), centre, baseline, picture)
  }
}

/** Where a column's middle stands; column 0 is the newest, at the right edge. */
export function columnCentre(
  index: number,
  { width, shift, measures }: Pick<TapePicture, 'width' | 'shift' | 'measures'>,
): number {
  return width - measures.pitch / 2 - index * measures.pitch + shift
}

function crossesLabel(column: TapeColumn): boolean {
  return Math.floor(column.last / LABEL_EVERY) !== Math.floor((column.first - 1) / LABEL_EVERY)
}

interface Place {
  readonly x: number
  readonly y: number
  readonly radius: number
}

function drawSign(context: CanvasRenderingContext2D, sign: Sign, place: Place, colours: TapeColours): void {
  const { x, y, radius } = place
  const line = Math.max(1.2, radius * 0.36)
  context.lineWidth = line
  context.lineCap = 'round'
  switch (sign) {
    case 'agrees':
      context.fillStyle = colours.agrees
      disc(context, place)
      return
    case 'none':
      context.strokeStyle = colours.late
      context.beginPath()
      context.arc(x, y, radius - line / 2, 0, Math.PI * 2)
      context.stroke()
      return
    case 'answered':
      context.strokeStyle = colours.answered
      context.fillStyle = colours.answered
      context.beginPath()
      context.arc(x, y, radius - line / 2, 0, Math.PI * 2)
      context.stroke()
      context.beginPath()
      context.arc(x, y, radius, Math.PI / 2, (3 * Math.PI) / 2)
      context.fill()
      return
    case 'dissents': {
      const arm = radius * 0.95
      context.strokeStyle = colours.dissents
      context.lineWidth = line * 1.25
      context.beginPath()
      context.moveTo(x - arm, y - arm)
      context.lineTo(x + arm, y + arm)
      context.moveTo(x + arm, y - arm)
      context.lineTo(x - arm, y + arm)
      context.stroke()
    }
  }
}

function disc(context: CanvasRenderingContext2D, { x, y, radius }: Place): void {
  context.beginPath()
  context.arc(x, y, radius, 0, Math.PI * 2)
  context.fill()
}

/** A thicker column: the State after it is kept, or compared. */
function drawCheckpoint(
  context: CanvasRenderingContext2D,
  centre: number,
  baseline: number,
  { measures, colours }: TapePicture,
): void {
  const left = centre - measures.pitch / 2
  context.fillStyle = colours.checkpointGround
  context.fillRect(left, 0, measures.pitch, baseline)
  context.fillStyle = colours.label
  context.fillRect(left, baseline - 1.5, measures.pitch, 3)
}

/** FAIL breaks the line: the baseline is cut out under the column and struck through. */
function drawFail(context: CanvasRenderingContext2D, centre: number, baseline: number, picture: TapePicture): void {
  const { measures, colours } = picture
  const half = measures.pitch / 2
  context.fillStyle = colours.failGround
  context.fillRect(centre - half, 0, measures.pitch, baseline + 0.5)
  context.fillStyle = colours.ground
  context.fillRect(centre - half, baseline - 1, measures.pitch, 2)
  context.strokeStyle = colours.dissents
  context.lineWidth = measures.labels > 0 ? 1.75 : 1.25
  const lean = measures.radius * 0.6
  context.beginPath()
  for (const side of [-1, 1]) {
    const x = centre + side * measures.radius * 0.7
    context.moveTo(x - lean, baseline + lean + 1)
    context.lineTo(x + lean, baseline - lean - 1)
  }
  context.stroke()
}

/** A slot without Inputs: nobody had anything to answer. */
function drawNothing(context: CanvasRenderingContext2D, centre: number, baseline: number, picture: TapePicture): void {
  const { colours } = picture
  context.strokeStyle = colours.line
  context.lineWidth = 1
  context.beginPath()
  context.moveTo(Math.round(centre) + 0.5, baseline - 4)
  context.lineTo(Math.round(centre) + 0.5, baseline)
  context.stroke()
}

function drawGap(context: CanvasRenderingContext2D, centre: number, baseline: number, picture: TapePicture): void {
  const { measures, colours, rows } = picture
  context.fillStyle = colours.line
  for (const part of [0.25, 0.5, 0.75]) {
    const y = measures.top + rows * measures.rowHeight * part
    disc(context, { x: centre, y, radius: 1 })
  }
  context.fillRect(centre - 0.5, baseline - 3, 1, 6)
}

/** @returns how far to the left this number reaches, so that the next one keeps clear of it. */
function drawLabel(
  context: CanvasRenderingContext2D,
  slot: number,
  centre: number,
  baseline: number,
  picture: TapePicture,
): number {
  const { measures, colours, width } = picture
  context.strokeStyle = colours.line
  context.lineWidth = 1
  context.beginPath()
  context.moveTo(Math.round(centre) + 0.5, baseline)
  context.lineTo(Math.round(centre) + 0.5, baseline + 4)
  context.stroke()
  context.font = measures.labelFont
  context.fillStyle = colours.label
  context.textAlign = 'center'
  context.textBaseline = 'alphabetic'
  const label = formatCount(slot)
  const half = context.measureText(label).width / 2
  const middle = Math.min(centre, width - half)
  if (middle - half < 0) return centre
  context.fillText(label, middle, baseline + 15)
  return middle - half * 2 - 16
}
