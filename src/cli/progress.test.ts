/** Progress for people: lines of a table that fit in 80 columns, whatever the figures. */
import t from 'tap'
import type { MigrationInfo } from '../qapi/index.ts'
import { Percent, progressHead, progressLine } from './progress.ts'

const infoOf = (status: string, transferred: number, remaining: number, mbps = 0, pages = 0): MigrationInfo =>
  ({
    status,
    ram: {
      transferred,
      remaining,
      total: 2 ** 40,
      duplicate: 0,
      skipped: 0,
      normal: 0,
      'normal-bytes': 0,
      'dirty-pages-rate': pages,
      mbps,
      'dirty-sync-count': 1000,
      'postcopy-requests': 0,
      'page-size': 4096,
    },
  }) as unknown as MigrationInfo

t.test('every line fits, and its columns stand under their names', async (t) => {
  const most = 1023.9 * 2 ** 30
  const lines = [
    infoOf('postcopy-recover', most, most, 8_500_000, 2 ** 18),
    infoOf('active', most, most, 1, 2 ** 24),
    infoOf('setup', 0, 0),
    { status: 'setup' } as MigrationInfo,
  ].map((info) => progressLine(info, 100))
  for (const line of [progressHead, ...lines]) t.ok(line.length < 80, line)
  t.equal(lines[0]?.indexOf('100 %'), progressHead.indexOf('done') - 1)
  t.match(lines[1], /never$/, 'more is dirtied than is sent')
  t.match(lines[3], /^setup +100 %$/)
})

t.test('the percentage never goes backwards, and 100 is said when it is over', async (t) => {
  const percent = new Percent()
  const seen = [
    percent.next(infoOf('active', 0, 2 ** 39)),
    percent.next(infoOf('active', 0, 2 ** 40 * 0.9)),
    percent.next(infoOf('active', 0, 0)),
    percent.next(infoOf('completed', 0, 0)),
  ]
  t.strictSame(seen, [50, 50, 99, 100])
})
