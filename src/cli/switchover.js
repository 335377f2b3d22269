#!/usr/bin/env node
// The launcher: runs the command line on a Node that is new enough, from the build or, in a checkout, from the sources.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url))
const built = path('../../dist/src/cli/main.js')
const source = path('./main.ts')
const entry = existsSync(source) ? source : built
const pinned = path('../../node_modules/node/bin/node')

const [major, minor] = process.versions.node.split('.').map(Number)
if (major > 22 || (major === 22 && minor >= 19)) {
  await import(entry)
} else if (existsSync(pinned)) {
  // Signals reach the child by themselves: it is in the same foreground group.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  const { status, signal } = spawnSync(pinned, [entry, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exitCode = signal === null ? (status ?? 1) : 1
} else {
  console.error(`switchover: expected Node 22.19 or newer, found ${process.versions.node}`)
  process.exitCode = 2
}
