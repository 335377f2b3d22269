/**
 * QEMU's migration schema as Effect schemas, documented, with its defaults, ranges and units. Runs in a browser as well.
 */
export * from './arguments.ts'
export * from './capability.ts'
export * from './colo.ts'
export * from './commands.ts'
export {
  describe,
  type LiteralDocumentation,
  type MemberDescription,
  type MemberDocumentation,
  type TypeDescription,
  typeName,
  type Unit,
} from './documentation.ts'
export * from './errors.ts'
export * from './events.ts'
export * from './facts.ts'
export * from './migration-info.ts'
export * from './migration-status.ts'
export * from './monitor-commands.ts'
export * from './open-enum.ts'
export * from './parameter-facts.ts'
export * from './parameter-range.ts'
export * from './parameters.ts'
export * from './profile.ts'
export * from './replication.ts'
export * from './run-state.ts'
export * from './scalar.ts'
