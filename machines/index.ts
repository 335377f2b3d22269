/** The state charts. Pure: no I/O, no clock, no promise, and no module of Node. */
export * from './guest.ts'
export * from './images.ts'
export * from './incoming.ts'
export * from './outgoing.ts'
export * from './process.ts'
export * from './profile.ts'
export * from './status.ts'
export * from './vocabulary.ts'
