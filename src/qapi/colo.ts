/**
 * The vocabulary of COLO (coarse-grain lock stepping): the messages of a checkpoint, the role of a process, and how far a
 * failover has got. The order in which messages follow each other is the chart's.
 */
import { enumeration } from './documentation.ts'

/**
 * The messages between primary and secondary, in the schema's order, which is also their number on the wire (0 to 6).
 * Source: `COLOMessage` of `qapi/migration.json`, since 2.8.
 */
export const COLOMessage = enumeration({
  name: 'COLOMessage',
  since: '2.8',
  description: 'A message between primary and secondary in COLO.',
  literals: [
    'checkpoint-ready',
    'checkpoint-request',
    'checkpoint-reply',
    'vmstate-send',
    'vmstate-size',
    'vmstate-received',
    'vmstate-loaded',
  ],
  members: {
    'checkpoint-ready': { description: 'Secondary to primary, once: checkpoints can begin.', since: '2.8' },
    'checkpoint-request': { description: 'Primary to secondary: get ready for a checkpoint.', since: '2.8' },
    'checkpoint-reply': { description: 'Secondary to primary: the request has arrived and is granted.', since: '2.8' },
    'vmstate-send': { description: 'Primary to secondary: the state follows.', since: '2.8' },
    'vmstate-size': { description: 'Primary to secondary: size of the state, followed by the state.', since: '2.8' },
    'vmstate-received': { description: 'Secondary to primary: the whole state has arrived.', since: '2.8' },
    'vmstate-loaded': { description: 'Secondary to primary: the state is in effect.', since: '2.8' },
  },
})
/** A member of {@link COLOMessage}. */
export type COLOMessage = (typeof COLOMessage)['Type']

/** The role of a process in COLO. Source: `COLOMode`, since 2.8. In 7.2 `unknown` is called `none`, see {@link COLOMode72}. */
export const COLOMode = enumeration({
  name: 'COLOMode',
  since: '2.8',
  description: 'The role of a process in COLO.',
  literals: ['unknown', 'primary', 'secondary'],
  members: {
    unknown: { description: 'Not in COLO.', since: '2.8' },
    primary: { description: 'The side that serves clients and sends checkpoints.', since: '2.8' },
    secondary: { description: 'The side that follows and can take over.', since: '2.8' },
  },
})
/** A member of {@link COLOMode}. */
export type COLOMode = (typeof COLOMode)['Type']

/** The role of a process in COLO as 7.2 names it. */
export const COLOMode72 = enumeration({
  name: 'COLOMode',
  since: '2.8',
  description: 'The role of a process in COLO.',
  literals: ['none', 'primary', 'secondary'],
  members: {
    none: { description: 'Not in COLO.', since: '2.8' },
    primary: { description: 'The side that serves clients and sends checkpoints.', since: '2.8' },
    secondary: { description: 'The side that follows and can take over.', since: '2.8' },
  },
})
/** A member of {@link COLOMode72}. */
export type COLOMode72 = (typeof COLOMode72)['Type']

/** Why a process left COLO, as 7.2 reports it in COLO_EXIT and query-colo-status. Since 3.1; 2.11 has nothing like it. */
export const COLOExitReason72 = enumeration({
  name: 'COLOExitReason',
  since: '3.1',
  description: 'Why a process left COLO.',
  literals: ['none', 'request', 'error', 'processing'],
  members: {
    none: { description: 'It never was in COLO, or it has not left.', since: '3.1' },
    request: { description: 'An operator asked for the failover.', since: '3.1' },
    error: { description: 'Something went wrong inside.', since: '3.1' },
    processing: { description: 'COLO, or a failover, is under way.', since: '4.0' },
  },
})
/** A member of {@link COLOExitReason72}. */
export type COLOExitReason72 = (typeof COLOExitReason72)['Type']

/** How far a failover has got. Source: `FailoverStatus`, since 2.8. */
export const FailoverStatus = enumeration({
  name: 'FailoverStatus',
  since: '2.8',
  description: 'How far a failover has got.',
  literals: ['none', 'require', 'active', 'completed', 'relaunch'],
  members: {
    none: { description: 'No failover was asked for.', since: '2.8' },
    require: { description: 'A failover was asked for and is not being handled yet.', since: '2.8' },
    active: { description: 'The failover is being carried out.', since: '2.8' },
    completed: { description: 'The failover is done.', since: '2.8' },
    relaunch: {
      description: 'The failover came while a checkpoint was being loaded and starts again from none afterwards.',
      since: '2.9',
    },
  },
})
/** A member of {@link FailoverStatus}. */
export type FailoverStatus = (typeof FailoverStatus)['Type']
