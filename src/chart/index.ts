/** Charts as data, and in the notations of others. */
export * from './chart-difference.ts'
export * from './chart-layout.ts'
export * from './chart-model.ts'
export * from './chart-registry.ts'
export * from './dot.ts'
export * from './mermaid.ts'
export * from './scxml.ts'
export * from './svg.ts'
