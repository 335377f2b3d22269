/** What the page's file brings along: charts, files, and where its live process is. */
import type { ChartLibrary } from '../chart-library.ts'
import type { LiveSource } from '../live-message.ts'
import type { ViewFile } from '../open-files.ts'

const bytesOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text), (each) => each.codePointAt(0) ?? 0)

const unpacked = async (text: string): Promise<string> => {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream('gzip'))
  return new Response(stream).text()
}

const textOf = (id: string): string => document.getElementById(id)?.textContent ?? ''

/** The charts; they are packed, as they say the same names often. */
export const embeddedCharts = async (): Promise<ChartLibrary> => {
  const text = textOf('charts')
  return text === '' ? { charts: [] } : (JSON.parse(await unpacked(text)) as ChartLibrary)
}

/** The files that the page was made for. */
export const embeddedFiles = async (): Promise<readonly ViewFile[]> => {
  const text = textOf('files')
  return text === '' ? [] : (JSON.parse(await unpacked(text)) as readonly ViewFile[])
}

/** The live process, if the page was made for one. */
export const embeddedLive = (): LiveSource | undefined => {
  const text = textOf('live')
  return text === '' ? undefined : (JSON.parse(text) as LiveSource)
}
