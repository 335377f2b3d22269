/**
 * The laid out charts, packed. Laying them out takes seconds, and they only change with the machines and with how they are
 * laid out: a published package brings them along, a checkout keeps them under `node_modules/.cache`, by a digest of both.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { drawLibrary, undrawnCharts } from './chart-library.ts'

const cacheFolder = new URL('../../node_modules/.cache/switchover/', import.meta.url)

/** Beside this file in a published package. */
export const builtLibraryName = 'charts.json.gz'

/** Draws all charts and packs them, whatever is kept. */
export const packLibrary = async (): Promise<Buffer> => gzipSync(JSON.stringify(await drawLibrary()), { level: 9 })

/** What the drawings depend on: the charts, and the sources of those who lay them out. */
const digest = async (): Promise<string> => {
  const hash = createHash('sha256').update(JSON.stringify(undrawnCharts()))
  for (const source of ['../chart/chart-layout.ts', './chart-library.ts'])
    hash.update(await readFile(new URL(source, import.meta.url)))
  return hash.digest('hex').slice(0, 16)
}

/** The charts as gzipped JSON. `onDrawing` is told when they have to be drawn first. */
export const packedLibrary = async (onDrawing: () => void = () => {}): Promise<Buffer> => {
  if (!import.meta.url.endsWith('.ts')) return readFile(new URL(`./${builtLibraryName}`, import.meta.url))
  const kept = new URL(`charts-${await digest()}.json.gz`, cacheFolder)
  const known = await readFile(kept).catch(() => undefined)
  if (known !== undefined) return known
  onDrawing()
  const packed = await packLibrary()
  // Two commands may do this at the same time: each writes a file of its own and moves it into place. What cannot be kept
  // is drawn again the next time.
  const temporary = new URL(`${kept.href}.${process.pid}`)
  await mkdir(cacheFolder, { recursive: true })
    .then(() => writeFile(temporary, packed))
    .then(() => rename(temporary, kept))
    .catch(() => undefined)
  return packed
}
