/**
 * What must hold, by number and name: the one list that properties, models and documentation share. A quirk says which of
 * them it breaks; a property of a suite or of a model says how it is looked for.
 */

/** An invariant in words. */
export interface Invariant {
  readonly title: string
  readonly text: string
}

/** See the head of this file. The numbering is that of the public bug catalogue of the project. */
export const invariants = {
  I1: {
    title: 'one runner',
    text: 'At no moment do the vCPUs of two parties run and serve, unless an operator starts a guest that has left or tells both sides of a pair that the other is dead; and at rest one runs.',
  },
  I2: {
    title: 'one side can run',
    text: 'When all is quiet exactly one side can run the guest; a run that failed or was cancelled before the commit gives the guest its previous run state back.',
  },
  I3: {
    title: 'image ownership',
    text: 'The image locks have at most one holder, nobody takes what he holds or releases what he does not, and a guest runs only where they are held.',
  },
  I4: {
    title: 'no return',
    text: 'After the commit point the source never starts the guest by itself, except when the destination is known not to have it.',
  },
  I5: {
    title: 'status steps',
    text: 'Every observed step of a status is an edge of the chart, and a status in which a run is over changes only by a new run.',
  },
  I6: {
    title: 'honest cancel',
    text: 'A cancel that is accepted before the commit ends the run as cancelled in bounded time; one that comes too late leaves it its end; one that is refused has no effect.',
  },
  I7: {
    title: 'clean start',
    text: 'A new run starts clean: every page counts as dirty, counters, errors and figures are new; and it is refused while anything of the last one is left.',
  },
  I8: {
    title: 'refusal changes nothing',
    text: 'A command that is refused changes nothing and causes nothing.',
  },
  I9: {
    title: 'every wait ends',
    text: 'Every wait has a waker: every command is answered, and after an error, a cancel or a closed channel every run ends in bounded virtual time, or says that it waits for an operator.',
  },
  I10: {
    title: 'nothing left over',
    text: 'When a run is over its channel is closed, exactly once and by its owner; when a process has ended it holds nothing.',
  },
  I11: {
    title: 'failure has a reason',
    text: 'A side that has failed has a reason that is not empty, published with the status; the first cause of a run is kept.',
  },
  I12: {
    title: 'consistent query',
    text: 'An answer to query-migrate is one picture of one moment: of the schema; completed with its total-time and a downtime no longer than that.',
  },
  I13: {
    title: 'events are history',
    text: 'The events of a party are the history of its statuses and of its guest: in the same order, nothing lost, nothing twice.',
  },
  I14: {
    title: 'query follows event',
    text: 'Who queries after an event gets the status of that event, or one that comes after it.',
  },
  I15: {
    title: 'memory arrives',
    text: 'A guest that arrives has the memory that its source stopped with, page by page; and wherever the guest is, its memory is what the guest itself computes.',
  },
  I16: {
    title: 'no lost writes',
    text: 'A page that is written after it was read is sent again: a page that the sender holds for clean is, byte for byte, what the wire last carried.',
  },
  I17: {
    title: 'shared copies',
    text: 'A copy that the sender keeps of a page, to send only differences to it, is what the destination has of that page, whatever the guest writes.',
  },
  I18: {
    title: 'nothing overtaken',
    text: 'Over whatever channels and threads pages come, what a guest finds when it is started is what was sent last: no older copy of a page lands on a newer one, and none lands late.',
  },
  I19: {
    title: 'framing',
    text: 'Everything that a source writes can be read as a migration stream; cut anywhere, it is an error and never a whole stream.',
  },
  I20: {
    title: 'faults are answered',
    text: 'In postcopy each page fault is asked for once, and again on a channel that takes the place of a broken one; it ends when its page has come; what is missing is missing until then.',
  },
  I21: {
    title: 'conservation',
    text: 'Bytes transferred are the bytes of RAM that the wire carried, pages by kind add up to the pages on the wire, and what remains is at most the total.',
  },
  I22: {
    title: 'monotonic statistics',
    text: 'In a run transferred bytes, pages, syncs, requests and elapsed time never decrease.',
  },
  I23: {
    title: 'finite ratios',
    text: 'Every figure that is published is finite and not negative, whole where the schema says so, and the same after a trip through JSON.',
  },
  I25: {
    title: 'bandwidth limit',
    text: 'No second of a transfer carries more than max-bandwidth, over all its channels together and but for the record that reaches the limit; another limit holds within one window.',
  },
  I26: {
    title: 'honest throttle',
    text: 'A guest is throttled only after two periods of a second in which it wrote too fast, never by what no guest wrote, ever more in a run, and not at all when the run is over.',
  },
  I27: {
    title: 'whole checkpoint',
    text: 'A checkpoint is all or nothing: a guest is only ever started with memory and devices of one epoch; and a pair that nothing has broken takes its checkpoints and stays whole.',
  },
  I28: {
    title: 'failover completes',
    text: 'A failover that is accepted completes, once, by the steps of FailoverStatus; unless what was being loaded left this side without any guest, which it then says.',
  },
  I29: {
    title: 'survivor serves',
    text: 'After a failover the survivor runs if it ran and takes no checkpoint; output leaves only when it is agreed or covered by a checkpoint, so that nothing a client was told is lost and nothing is told in two ways.',
  },
} as const satisfies Record<string, Invariant>

/** The number of an invariant that is looked for. */
export type InvariantId = keyof typeof invariants

/** An invariant with its number. */
export const invariant = <I extends InvariantId>(id: I): Invariant & { readonly id: I } => ({ id, ...invariants[id] })
