/** Entry of a thread that deflates or inflates pages until it is stopped. */
import { workerData } from 'node:worker_threads'
import { PageRing, type SharedPageRing } from './page-ring.ts'

new PageRing(workerData as SharedPageRing).serve()
