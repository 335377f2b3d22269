/** Part of `npm run build`: puts the page and the laid out charts where a published package looks for them. */
import { mkdir, writeFile } from 'node:fs/promises'
import { buildBundle } from './bundle.ts'
import { builtLibraryName, packedLibrary } from './library-cache.ts'

const target = new URL('../../dist/src/view/', import.meta.url)

await mkdir(target, { recursive: true })
const { script, style } = await buildBundle()
await writeFile(new URL('page.js', target), script)
await writeFile(new URL('page.css', target), style)
await writeFile(new URL(builtLibraryName, target), await packedLibrary())
console.log(`page: ${script.length + style.length} bytes of script and style`)
