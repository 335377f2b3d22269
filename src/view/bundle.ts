/**
 * The page's script and style. In a checkout they are put together from the sources when they are asked for, in a fraction
 * of a second; a published package has them built, beside this file.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** What a page is made of, as text. */
export interface Bundle {
  readonly script: string
  readonly style: string
}

/** Largest size of script and style together, in bytes: a page that is sent around should stay small. */
export const bundleBytesMax = 500 * 1000

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** Bundles the page from its sources. */
export const buildBundle = async (): Promise<Bundle> => {
  const { build, stop } = await import('esbuild')
  const { outputFiles } = await build({
    entryPoints: [path('./page/main.tsx')],
    bundle: true,
    minify: true,
    write: false,
    outdir: path('./page'),
    format: 'iife',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'silent',
    define: { 'process.env.NODE_ENV': '"production"' },
  }).finally(stop) // its process would otherwise stay for as long as this one
  const textOf = (extension: string) => outputFiles.find((file) => file.path.endsWith(extension))?.text ?? ''
  return { script: textOf('.js'), style: textOf('.css') }
}

/** The page's script and style, built or to be built. */
export const loadBundle = async (): Promise<Bundle> => {
  if (import.meta.url.endsWith('.ts')) return buildBundle()
  const [script, style] = await Promise.all([readFile(path('./page.js'), 'utf8'), readFile(path('./page.css'), 'utf8')])
  return { script, style }
}
