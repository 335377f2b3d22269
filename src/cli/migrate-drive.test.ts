/** `switchover migrate --drive`: the disk moves with its guest, to an image that is made for it, and is compared. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Effect } from 'effect'
import { effectTest, scratchDirectory } from '../qmp/testing/served.ts'
import { contentsOf, DISK_BYTES, fillImage, newImage } from '../transfer/testing/disks.ts'
import { migrate } from './migrate.ts'
import { runCommand } from './testing/run-command.ts'

const run = (...args: readonly string[]) => Effect.promise(() => runCommand(migrate, args))

effectTest('the disk arrives with the guest, which goes on writing to it', (t) =>
  Effect.gen(function* () {
    const folder = yield* scratchDirectory
    const from = newImage(join(folder, 'from, with a comma'))
    fillImage(from)
    const to = join(folder, 'to')
    const drive = `id=vda,file=${from.path.replaceAll(',', ',,')},to=${to},to-format=qcow2`
    const guest = 'write:size=1M,working-set=256K,rate=1000,disk=5128K,disk-rate=100'
    const { code, out, error } = yield* run('--guest', guest, '--drive', drive, '--zero-blocks', '--json')
    t.same([code, error], [0, ''])
    const { verified, disks } = JSON.parse(out) as { readonly verified: boolean; readonly disks: unknown }
    t.equal(verified, true)
    t.same(disks, [{ name: 'vda', comparedBytes: DISK_BYTES, differing: 0 }])
    t.equal(contentsOf({ path: to, format: 'qcow2' }).length, DISK_BYTES)
  }),
)

effectTest('what makes no sense is refused, and makes no image', (t) =>
  Effect.gen(function* () {
    const folder = yield* scratchDirectory
    const to = join(folder, 'to')
    t.match(yield* run('--inc'), { code: 2, error: /expected --drive beside --inc/ })
    t.match(yield* run('--drive', 'id=vda,file=x'), { code: 2, error: /expected to=FILE/ })
    t.match(yield* run('--drive', `id=vda,file=${folder}/none,to=${to}`), { code: 1, error: /Could not open/ })
    t.notOk(existsSync(to))
  }),
)
