/** The core alone: no memory, no sockets. Your program carries out the intents and reports facts. */
import { outgoingStatus, runState, start, step, type CoreInput, type OutgoingNews } from 'switchover'

let state = start({ profile: '2.11' })
let nowMillis = 0

const tell = (input: CoreInput) => {
  const [next, outputs] = step(state, input)
  state = next // plain data: store it, send it elsewhere, go on from it
  for (const output of outputs) console.log(JSON.stringify(output))
}
const command = (name: string, args?: object) =>
  tell({ type: 'command', name, arguments: args, nowMillis: (nowMillis += 10) })
const fact = (news: OutgoingNews) => tell({ type: 'fact', fact: { ...news, run: 1 }, nowMillis: (nowMillis += 10) })

command('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] })
command('migrate', { uri: 'tcp:host:4444' }) // intent: open-channel. Do it, then report what came of it:
fact({ type: 'outgoing.connected', returnPath: true }) // intent: begin-setup
fact({ type: 'outgoing.setup-done', setupMillis: 4 }) // intent: iterate
command('migrate', { uri: 'tcp:other:4444' }) // refused, in QEMU's words; nothing changes
fact({ type: 'outgoing.converged' }) // intents: stop-guest, complete-precopy
fact({ type: 'outgoing.flushed' }) // now the destination is asked whether it has loaded all of it
fact({ type: 'outgoing.prepared' }) // it has. Intents: release-images, commit
fact({ type: 'outgoing.loaded' }) // it runs the guest
fact({ type: 'outgoing.ended' }) // everything of the run is let go
command('query-migrate')
console.log(outgoingStatus(state), runState(state)) // completed postmigrate
