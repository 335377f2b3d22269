/**
 * Compiles the kernels of this folder: `npm run kernels` writes the module into a source file, so that neither running nor
 * packing the library takes the compiler. A test compares the two.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { main } from 'assemblyscript/asc'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

const OPTIONS = '-O3 --noAssert --runtime stub --importMemory --enable simd --enable bulk-memory'.split(' ')

/** The module of an AssemblyScript file, which imports its memory. @throws Error with what the compiler says. */
export const compileAssembly = async (directory: string, file: string): Promise<Uint8Array<ArrayBuffer>> => {
  let binary = new Uint8Array()
  const { error, stderr } = await main([file, '--baseDir', directory, '--outFile', 'out.wasm', ...OPTIONS], {
    writeFile: (_name, contents) => {
      if (typeof contents !== 'string') binary = Uint8Array.from(contents)
    },
  })
  if (error !== null) throw new Error(`asc: ${stderr.toString()}`, { cause: error })
  return binary
}

/** Where the module of the kernels goes. */
export const binaryPath = path('../xbzrle-binary.ts')

/** What belongs there. @throws Error with what the compiler says. */
export const compileKernels = async (): Promise<string> => {
  const text = Buffer.from(await compileAssembly(path('.'), 'xbzrle.ts')).toString('base64')
  const lines = text.match(/.{1,110}/g)?.map((line) => `  '${line}'`) ?? []
  return [
    '/** The module of `assembly/xbzrle.ts`, in base64. Made by `npm run kernels`. */',
    'export const xbzrleBinary =',
    lines.join(' +\n'),
    '',
  ].join('\n')
}

if (import.meta.main) writeFileSync(binaryPath, await compileKernels())
