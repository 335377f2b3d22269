/** A thread that judges mutants of the charts: it is told their places in the list, one at a time, and answers. */
import { parentPort, workerData } from 'node:worker_threads'
import { processMachine, type Profile } from '../../machines/index.ts'
import { chartMutations } from '../mutants/chart-mutants.ts'
import { ChartJudge } from './chart-kills.ts'

if (parentPort !== null) {
  const port = parentPort
  const { profile } = workerData as { readonly profile: Profile }
  const judge = new ChartJudge(profile)
  const mutations = chartMutations(processMachine({ profile }))
  port.on('message', (place: number) => {
    void judge.judge(mutations[place]!).then((kill) => port.postMessage(kill))
  })
}
