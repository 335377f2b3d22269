/**
 * `switchover stream verify`: does a recorded migration carry the memory that it should? Held against recorded digests or
 * against files of memory; without either it prints the digest of every block.
 */
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Console, Effect, FileSystem, Option, Schema } from 'effect'
import { Argument, Command, Flag } from 'effect/cli'
import { pagesEqual } from '../../memory/index.ts'
import { PAGE_BYTES } from '../../wire/index.ts'
import { Failure, WrongUsage } from '../failure.ts'
import { memoryOf, READ_BYTES, readFile, readFully, sha256Of } from './memory-of.ts'

interface Options {
  readonly files: readonly string[]
  readonly sha256: readonly string[]
  readonly image: readonly string[]
  readonly index: Option.Option<string>
  readonly json: boolean
}

/** Recorded facts: for each recording its files, and the digest of each block where it is known. */
const Index = Schema.Struct({
  samples: Schema.Array(
    Schema.Struct({
      files: Schema.Array(Schema.Struct({ file: Schema.String })),
      ramBlocks: Schema.Array(Schema.Struct({ name: Schema.String, sha256: Schema.optionalKey(Schema.String) })),
    }),
  ),
})

/** What one recording is held against, by block. */
interface Expectation {
  readonly files: readonly string[]
  readonly digests: ReadonlyMap<string, string>
  readonly images: ReadonlyMap<string, string>
}

interface BlockVerdict {
  readonly name: string
  readonly bytes: number
  readonly sha256: string
  /** Undefined where there was nothing to hold it against. */
  readonly matches?: boolean
  /** With an image: pages that differ, and the offset of the first. */
  readonly differingPages?: number
  readonly firstDifference?: number
}

interface Verdict {
  readonly files: readonly string[]
  readonly blocks: readonly BlockVerdict[]
  readonly missing: readonly string[]
  readonly error?: string
  readonly verified: boolean
}

/** `BLOCK=VALUE`, split at the last sign: a block's name may hold one. */
const pairs = (option: string, texts: readonly string[]): Effect.Effect<ReadonlyMap<string, string>, WrongUsage> => {
  const split = texts.map(
    (text) => [text.slice(0, text.lastIndexOf('=')), text.slice(text.lastIndexOf('=') + 1)] as const,
  )
  const wrong = texts.find((text) => text.lastIndexOf('=') <= 0)
  return wrong === undefined
    ? Effect.succeed(new Map(split))
    : Effect.fail(new WrongUsage({ reason: `--${option}: expected BLOCK=VALUE, found '${wrong}'` }))
}

const readIndex = (path: string) =>
  Effect.try({
    try: () => Schema.decodeUnknownSync(Index)(JSON.parse(readFileSync(path, 'utf8'))),
    catch: (error) =>
      new WrongUsage({ reason: `--index: ${path}: ${error instanceof Error ? error.message : String(error)}` }),
  })

const expectations = (options: Options): Effect.Effect<readonly Expectation[], WrongUsage> =>
  Effect.gen(function* () {
    const digests = yield* pairs('sha256', options.sha256)
    const images = yield* pairs('image', options.image)
    const path = Option.getOrUndefined(options.index)
    if (path === undefined) {
      if (options.files.length > 0) return [{ files: options.files, digests, images }]
      return yield* new WrongUsage({ reason: 'expected files of a recording, or --index' })
    }
    const { samples } = yield* readIndex(path)
    const facts = samples.map(({ files, ramBlocks }) => ({
      files: files.map(({ file }) => join(dirname(path), file)),
      images,
      digests: new Map([
        ...ramBlocks.flatMap(({ name, sha256 }) => (sha256 === undefined ? [] : [[name, sha256] as const])),
        ...digests,
      ]),
    }))
    if (options.files.length === 0) return facts
    const names = new Set(options.files.map((file) => basename(file)))
    const found = facts.find(({ files }) => files.some((file) => names.has(basename(file))))
    if (found === undefined) {
      return yield* new WrongUsage({ reason: `--index: ${path} does not know ${options.files.join(', ')}` })
    }
    return [{ ...found, files: options.files }]
  })

/** Compares two files of memory, a page at a time; one that is too short differs in every page that it lacks. */
const compareImages = (path: string, image: string): Pick<BlockVerdict, 'differingPages' | 'firstDifference'> => {
  let differing = 0
  let first: number | undefined
  const other = openSync(image, 'r')
  const buffer = new Uint8Array(READ_BYTES)
  try {
    readFile(path, (bytes, at) => {
      const held = readFully(other, buffer, bytes.length, at)
      for (let page = 0; page < bytes.length; page += PAGE_BYTES) {
        if (page + PAGE_BYTES <= held && pagesEqual(bytes, page, buffer, page)) continue
        differing++
        first ??= at + page
      }
    })
  } finally {
    closeSync(other)
  }
  return { differingPages: differing, ...(first === undefined ? {} : { firstDifference: first }) }
}

const verifyBlock = (name: string, path: string, expected: Expectation): BlockVerdict => {
  const sha256 = sha256Of(path)
  const digest = expected.digests.get(name)
  const image = expected.images.get(name)
  const compared = image === undefined ? {} : compareImages(path, image)
  const verdicts = [
    ...(digest === undefined ? [] : [digest.toLowerCase() === sha256]),
    ...(image === undefined ? [] : [compared.differingPages === 0 && statSync(image).size === statSync(path).size]),
  ]
  return {
    name,
    bytes: statSync(path).size,
    sha256,
    ...(verdicts.length === 0 ? {} : { matches: verdicts.every(Boolean) }),
    ...compared,
  }
}

const verifyOne = (expected: Expectation) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: 'switchover-' })
    const outcome = yield* Effect.result(memoryOf(expected.files, directory))
    if (outcome._tag === 'Failure') {
      const failed: Verdict = {
        files: expected.files,
        blocks: [],
        missing: [],
        error: outcome.failure.reason,
        verified: false,
      }
      return failed
    }
    const blocks = yield* Effect.try({
      try: () => outcome.success.files.map(({ block, path }) => verifyBlock(block.name, path, expected)),
      catch: (error) => new Failure({ reason: error instanceof Error ? error.message : String(error) }),
    })
    const names = new Set(blocks.map(({ name }) => name))
    const missing = [...expected.digests.keys(), ...expected.images.keys()].filter((name) => !names.has(name))
    const verdict: Verdict = {
      files: expected.files,
      blocks,
      missing,
      verified: missing.length === 0 && blocks.every(({ matches }) => matches !== false),
    }
    return verdict
  }).pipe(Effect.scoped)

const describe = ({ files, blocks, missing, error }: Verdict): string => {
  const width = Math.max(...blocks.map(({ name }) => name.length), 0)
  return [
    files.join(', '),
    ...blocks.map(({ name, sha256, matches, differingPages, firstDifference }) => {
      const word = matches === undefined ? '' : matches ? '  as recorded' : '  DIFFERS'
      const where = firstDifference === undefined ? '' : ` in ${differingPages} pages, first at ${firstDifference}`
      return `  ${name.padEnd(width)}  ${sha256}${word}${where}`
    }),
    ...missing.map((name) => `  ${name}: not in the recording`),
    ...(error === undefined ? [] : [`  ${error}`]),
  ].join('\n')
}

const run = Effect.fn('stream.verify')(function* (options: Options) {
  const verdicts: Verdict[] = []
  for (const expected of yield* expectations(options)) {
    const verdict = yield* verifyOne(expected)
    verdicts.push(verdict)
    if (!options.json) yield* Console.log(describe(verdict))
  }
  if (options.json) yield* Console.log(JSON.stringify(verdicts.length === 1 ? verdicts[0] : verdicts))
  const failed = verdicts.filter(({ verified }) => !verified)
  if (failed.length === 0) return
  const [first] = failed
  return yield* new Failure({
    reason:
      first?.error ?? `${failed.length} of ${verdicts.length} recordings do not carry the memory that they should`,
  })
})

export const verify = Command.make(
  'verify',
  {
    files: Argument.String('recording').pipe(
      Argument.withDescription('the files of one recorded migration; without any, all that the index knows'),
      Argument.variadic({ min: 0 }),
    ),
    sha256: Flag.String('sha256').pipe(
      Flag.withDescription('BLOCK=DIGEST: the SHA-256 of a RAM block, in hexadecimal'),
      Flag.atLeast(0),
    ),
    image: Flag.String('image').pipe(
      Flag.withDescription('BLOCK=FILE: a file with the memory of a RAM block'),
      Flag.atLeast(0),
    ),
    index: Flag.String('index').pipe(
      Flag.withDescription(
        'a JSON file with recorded digests: {samples: [{files: [{file}], ramBlocks: [{name, sha256}]}]}',
      ),
      Flag.optional,
    ),
    json: Flag.Boolean('json').pipe(Flag.withDescription('one JSON document on stdout'), Flag.withDefault(false)),
  },
  run,
).pipe(
  Command.withDescription(
    'Hold the memory in a recorded migration against digests or files; without any, print the digest of every RAM block',
  ),
)
