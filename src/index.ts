/**
 * switchover: a verified core of VM live migration. This entry is the decision core, which needs nothing of its host and
 * loads no module of Node. The charts are in `switchover/machines`, the schema in `switchover/qapi`, invariants and
 * suites in `switchover/properties`, and the runtime that moves memory in `switchover/node`.
 */
export * from './core/index.ts'
