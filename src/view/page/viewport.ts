/** Panning and zooming of a drawing inside an SVG element, by pointer, wheel and keyboard. */

/** Where a drawing is: scaled, then moved. */
export interface Placement {
  readonly scale: number
  readonly x: number
  readonly y: number
}

const SCALE_MIN = 0.08
const SCALE_MAX = 4
const STEP = 1.25
const PAN_PIXELS = 60

/** The drawing as large as it can be, in the middle. */
export const fitted = (
  drawing: { readonly width: number; readonly height: number },
  room: { readonly width: number; readonly height: number },
): Placement => {
  const scale = Math.min(1.25, Math.max(SCALE_MIN, Math.min(room.width / drawing.width, room.height / drawing.height)))
  return { scale, x: (room.width - drawing.width * scale) / 2, y: (room.height - drawing.height * scale) / 2 }
}

/** Larger or smaller around a point that stays where it is. */
export const zoomed = (placement: Placement, factor: number, x: number, y: number): Placement => {
  const scale = Math.max(SCALE_MIN, Math.min(SCALE_MAX, placement.scale * factor))
  const by = scale / placement.scale
  return { scale, x: x - (x - placement.x) * by, y: y - (y - placement.y) * by }
}

/** Listens on an SVG element and hands every new placement on; returns how to stop. */
export const listenForPanning = (
  svg: SVGSVGElement,
  get: () => Placement,
  set: (placement: Placement, byHand: boolean) => void,
): (() => void) => {
  const stop = new AbortController()
  const options = { signal: stop.signal }
  let dragged: { readonly id: number; readonly x: number; readonly y: number; readonly from: Placement } | undefined
  svg.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault()
      const { left, top } = svg.getBoundingClientRect()
      const factor = Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0015))
      set(zoomed(get(), factor, event.clientX - left, event.clientY - top), true)
    },
    { ...options, passive: false },
  )
  svg.addEventListener(
    'pointerdown',
    (event) => {
      if (event.button === 0) dragged = { id: event.pointerId, x: event.clientX, y: event.clientY, from: get() }
    },
    options,
  )
  svg.addEventListener(
    'pointermove',
    (event) => {
      if (dragged === undefined || event.pointerId !== dragged.id) return
      const [dx, dy] = [event.clientX - dragged.x, event.clientY - dragged.y]
      // A click that trembles is still a click.
      if (!svg.hasPointerCapture(dragged.id) && Math.hypot(dx, dy) < 4) return
      svg.setPointerCapture(dragged.id)
      set({ ...dragged.from, x: dragged.from.x + dx, y: dragged.from.y + dy }, true)
    },
    options,
  )
  const end = () => (dragged = undefined)
  svg.addEventListener('pointerup', end, options)
  svg.addEventListener('pointercancel', end, options)
  return () => stop.abort()
}

/** What a key does to a placement; undefined if nothing. `fit` puts the whole drawing back. */
export const placementForKey = (
  key: string,
  placement: Placement,
  room: { readonly width: number; readonly height: number },
): Placement | 'fit' | undefined => {
  switch (key) {
    case '+':
    case '=':
      return zoomed(placement, STEP, room.width / 2, room.height / 2)
    case '-':
      return zoomed(placement, 1 / STEP, room.width / 2, room.height / 2)
    case '0':
      return 'fit'
    case 'ArrowLeft':
      return { ...placement, x: placement.x + PAN_PIXELS }
    case 'ArrowRight':
      return { ...placement, x: placement.x - PAN_PIXELS }
    case 'ArrowUp':
      return { ...placement, y: placement.y + PAN_PIXELS }
    case 'ArrowDown':
      return { ...placement, y: placement.y - PAN_PIXELS }
    default:
      return undefined
  }
}
