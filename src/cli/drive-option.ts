/**
 * The disks of a guest on the command line, as QEMU's `-drive` has them:
 *
 * ```
 * id=vda,file=disk.img                       a raw image
 * id=vda,file=disk.qcow2,format=qcow2        with whatever it is backed by
 * id=vda,file=disk.img,to=copy.img           where `switchover migrate` moves it to; to-format= if that is another
 * ```
 */
import { Effect, type Scope } from 'effect'
import { Flag } from 'effect/cli'
import type { GuestSpec } from '../memory/index.ts'
import type { ImageFormat } from '../transfer/disk/disk.ts'
import { makeGuestDrives, type GuestDrives } from '../transfer/disk/guest-drives.ts'
import type { ImageDescription } from '../transfer/disk/open-image.ts'
import { Failure, WrongUsage } from './failure.ts'
import { splitOption } from './object-option.ts'

/** A drive, and where it is to go. */
export interface DriveOption {
  readonly name: string
  readonly image: ImageDescription
  readonly to?: ImageDescription
}

const NAME_BYTES_MAX = 255
const PROPERTIES = ['id', 'file', 'format', 'to', 'to-format']

const isFormat = (text: string): text is ImageFormat => text === 'raw' || text === 'qcow2'

/** Reads the option; a text says what is wrong with it. */
export const driveOption = (text: string): DriveOption | string => {
  const given = new Map<string, string>()
  for (const part of splitOption(text)) {
    const name = part.split('=', 1)[0]!
    if (!PROPERTIES.includes(name) || name === part)
      return `expected ${PROPERTIES.map((each) => `${each}=`).join(', ')}, found ${JSON.stringify(part)}`
    if (given.has(name)) return `expected ${name} at most once`
    given.set(name, part.slice(name.length + 1))
  }
  const [name = '', path = '', format = 'raw', to = ''] = PROPERTIES.map((property) => given.get(property))
  const toFormat = given.get('to-format') ?? format
  const bytes = new TextEncoder().encode(name).length
  if (bytes < 1 || bytes > NAME_BYTES_MAX) return `expected id= with 1 to ${NAME_BYTES_MAX} bytes`
  if (path === '') return 'expected file='
  if (!isFormat(format) || !isFormat(toFormat)) return 'expected a format that is raw or qcow2'
  if (to === '' && given.has('to-format')) return 'expected to= beside to-format='
  return { name, image: { path, format }, ...(to === '' ? {} : { to: { path: to, format: toFormat } }) }
}

/** The flag. */
export const driveFlag = Flag.String('drive').pipe(
  Flag.withDescription(
    'a disk of the guest: id=NAME,file=FILE,format=raw or qcow2; may be repeated, the guest writes to the first',
  ),
  Flag.atLeast(0),
)

const wrong = (text: string, reason: string): WrongUsage => new WrongUsage({ reason: `--drive ${text}: ${reason}` })

/** Reads all of them; names must differ. */
export const driveOptions = (texts: readonly string[]): Effect.Effect<readonly DriveOption[], WrongUsage> =>
  Effect.gen(function* () {
    const drives: DriveOption[] = []
    for (const text of texts) {
      const option = driveOption(text)
      if (typeof option === 'string') return yield* wrong(text, option)
      if (drives.some(({ name }) => name === option.name)) return yield* wrong(text, 'expected another id')
      drives.push(option)
    }
    return drives
  })

/** Opens them for a guest; those of one that is not waited for are held from now on. */
export const openDrives = (
  drives: readonly Pick<DriveOption, 'name' | 'image'>[],
  spec: GuestSpec,
  isIncoming: boolean,
): Effect.Effect<GuestDrives | undefined, Failure | WrongUsage, Scope.Scope> =>
  Effect.gen(function* () {
    if (drives.length === 0) return undefined
    const made = yield* makeGuestDrives(drives)
    const [first] = made.disks
    const guestBytes = spec.kind === 'write' ? (spec.diskBytes ?? 0) : 0
    if (first !== undefined && guestBytes > first.sizeBytes)
      return yield* wrong(
        first.name,
        `expected at least the ${guestBytes} bytes of the guest, found ${first.sizeBytes}`,
      )
    if (!isIncoming) yield* made.acquire
    return made
  }).pipe(Effect.catchTag('DiskError', ({ message }) => Effect.fail(new Failure({ reason: `--drive: ${message}` }))))
