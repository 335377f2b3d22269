/** Guest memory as a heat map: a row for each pass, a column for each cell of memory, a colour for what became of it. */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { pageFates, type PageFate } from '../../memory/page-fates.ts'
import { sharesOf, type MemoryMap, type MemoryPass } from '../../trace/memory-map.ts'
import { formatBytes } from '../../cli/units.ts'
import { colourValue } from './colour.ts'
import { isDark } from './state.ts'
import { secondsText } from './units.ts'

const PAGE_BYTES = 4096
const ROW = 18
const ROW_GAP = 3

const colours: Readonly<Record<PageFate, string>> = {
  dirty: '--heat-dirty',
  sent: '--heat-sent',
  zero: '--heat-zero',
  requested: '--heat-requested',
}

const words: Readonly<Record<PageFate, string>> = {
  dirty: 'dirty, not yet sent',
  sent: 'sent',
  zero: 'sent as zero',
  requested: 'requested by the destination',
}

const channels = (colour: string): readonly [number, number, number] => {
  const value = Number.parseInt(colour.replace('#', ''), 16)
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255]
}

/** The colour of a cell: that of its most frequent fate, blended with clean memory by its share. */
const cellColour = (
  shares: Readonly<Record<PageFate, Uint8Array>>,
  cell: number,
  palette: Readonly<Record<PageFate | 'clean', readonly [number, number, number]>>,
): string => {
  let fate: PageFate | undefined
  let share = 0
  for (const each of ['sent', 'zero', 'requested'] as const) {
    const value = shares[each][cell] ?? 0
    if (value > share) [fate, share] = [each, value]
  }
  const dirty = shares.dirty[cell] ?? 0
  if (fate === undefined && dirty > 0) [fate, share] = ['dirty', dirty]
  if (fate === undefined) return `rgb(${palette.clean.join(' ')})`
  const weight = 0.3 + 0.7 * (share / 255)
  const mixed = palette[fate].map((value, index) =>
    Math.round(value * weight + (palette.clean[index] ?? 0) * (1 - weight)),
  )
  return `rgb(${mixed.join(' ')})`
}

const sharesIn = (pass: MemoryPass): Readonly<Record<PageFate, Uint8Array>> => ({
  dirty: sharesOf(pass, 'dirty'),
  sent: sharesOf(pass, 'sent'),
  zero: sharesOf(pass, 'zero'),
  requested: sharesOf(pass, 'requested'),
})

const pagesIn = (map: MemoryMap, shares: Uint8Array): number =>
  shares.reduce((sum, share) => sum + (share / 255) * map.pagesPerCell, 0)

const paint = (canvas: HTMLCanvasElement, map: MemoryMap, width: number): void => {
  const ratio = globalThis.devicePixelRatio || 1
  const height = map.passes.length * (ROW + ROW_GAP)
  canvas.width = Math.round(width * ratio)
  canvas.height = Math.round(height * ratio)
  const context = canvas.getContext('2d')
  if (context === null) return
  context.setTransform(ratio, 0, 0, ratio, 0, 0)
  const palette = {
    clean: channels(colourValue('--heat-clean')),
    dirty: channels(colourValue('--heat-dirty')),
    sent: channels(colourValue('--heat-sent')),
    zero: channels(colourValue('--heat-zero')),
    requested: channels(colourValue('--heat-requested')),
  }
  const cells = map.blocks.reduce((sum, block) => sum + block.cells, 0)
  for (const [row, pass] of map.passes.entries()) {
    const shares = sharesIn(pass)
    for (let cell = 0; cell < cells; cell++) {
      context.fillStyle = cellColour(shares, cell, palette)
      const left = Math.floor((cell / cells) * width)
      const right = Math.floor(((cell + 1) / cells) * width)
      context.fillRect(left, row * (ROW + ROW_GAP), Math.max(1, right - left), ROW)
    }
  }
}

export const MemoryView = ({ map, nowSeconds }: { readonly map: MemoryMap; readonly nowSeconds: number }) => {
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [width, setWidth] = useState(0)
  const dark = isDark.value
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return undefined
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    setWidth(element.clientWidth)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    if (canvas.current !== null && width > 0) paint(canvas.current, map, width)
  }, [map, width, dark])
  const present = map.passes.findLastIndex(({ seconds }) => seconds <= nowSeconds)
  const total = map.blocks.reduce((sum, block) => sum + block.pages, 0) * PAGE_BYTES
  return (
    <div class="memory">
      <p class="memory-legend">
        <span>
          {formatBytes(total)}, a cell is {formatBytes(map.pagesPerCell * PAGE_BYTES)}
        </span>
        {pageFates.map((fate) => (
          <span>
            <span class="swatch" style={{ background: `var(${colours[fate]})` }} aria-hidden="true" />
            {words[fate]}
          </span>
        ))}
        <span>
          <span class="swatch" style={{ background: 'var(--heat-clean)' }} aria-hidden="true" />
          clean
        </span>
      </p>
      <div class="memory-rows">
        <ol class="memory-labels">
          {map.passes.map((pass, index) => {
            const sent = pagesIn(map, sharesOf(pass, 'sent')) * PAGE_BYTES
            return (
              <li class={index === present ? 'present-pass' : ''} style={{ height: `${ROW + ROW_GAP}px` }}>
                <span>pass {pass.pass}</span> <span class="muted">{secondsText(pass.seconds)}</span>{' '}
                <span>{formatBytes(Math.round(sent))} sent</span>
              </li>
            )
          })}
        </ol>
        <div class="memory-box" ref={box}>
          <canvas
            ref={canvas}
            role="img"
            aria-label={`Memory by pass: ${map.passes.length} passes over ${formatBytes(total)}`}
            style={{ width: `${width}px`, height: `${map.passes.length * (ROW + ROW_GAP)}px` }}
          />
        </div>
      </div>
    </div>
  )
}
