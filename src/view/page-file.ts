/** The page as one HTML file: script, style, charts and traces in it, nothing fetched from anywhere. */
import { gzipSync } from 'node:zlib'
import { loadBundle, type Bundle } from './bundle.ts'
import { packedLibrary } from './library-cache.ts'
import type { LiveSource } from './live-message.ts'
import type { ViewFile } from './open-files.ts'

/** What a page is made for. */
export interface PageOptions {
  readonly files: readonly ViewFile[]
  readonly live?: LiveSource
}

/** Text inside a `script` element must not end it, nor open a comment. */
const inert = (text: string): string => text.replaceAll(/<(?=\/script|!--)/gi, '\\x3c')

const data = (id: string, text: string): string => `<script type="text/plain" id="${id}">${text}</script>`

// Nothing may be loaded; the style sheet and the script stand in the file, and a live page talks to its own server only.
const policy =
  "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src data:; connect-src 'self'"

/** The same for every page of this process. */
let parts: Promise<readonly [Bundle, Buffer]> | undefined

/**
 * A page with files in it, as HTML.
 *
 * @example
 * const html = await pageFile({ files: [{ name: 'a.src.jsonl', text: '…' }] })
 * html.startsWith('<!doctype html>') // true
 */
export const pageFile = async ({ files, live }: PageOptions): Promise<string> => {
  const [{ script, style }, charts] = await (parts ??= Promise.all([loadBundle(), packedLibrary()]))
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<title>switchover</title>',
    '<link rel="icon" href="data:,">',
    `<style>${style.replaceAll('</', '<\\/')}</style>`,
    '</head>',
    '<body>',
    '<div id="page"></div>',
    data('charts', charts.toString('base64')),
    ...(files.length === 0 ? [] : [data('files', gzipSync(JSON.stringify(files)).toString('base64'))]),
    ...(live === undefined ? [] : [data('live', inert(JSON.stringify(live)))]),
    `<script data-bundle>${inert(script)}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n')
}
