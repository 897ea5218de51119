#!/usr/bin/env node
// The one file that any Node can read: it finds a Node that can run Synod and hands over to it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Electron's own line; older ones lack what libp2p needs, and can't run TypeScript. */
const NODE_MAJOR_MIN = 24

const folder = path.dirname(fileURLToPath(import.meta.url))
const main = path.join(folder, 'main.ts')

if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR_MIN) {
  await import('./main.ts')
} else {
  const node = findNode()
  if (node === undefined) {
    process.stderr.write(
      `Synod runs on Node ${NODE_MAJOR_MIN} or newer; this is Node ${process.versions.node}. ` +
        'Run "npm ci" in its folder: that brings a fitting Node along, and nothing else on this computer changes.\n',
    )
    process.exitCode = 3
  } else {
    handOver(node)
  }
}

/** The binary of the npm package `node`, a dependency; from Synod's own folder upwards, as npm may hoist it. */
function findNode() {
  const names = process.platform === 'win32' ? ['node.exe'] : ['node']
  for (let at = folder; ; at = path.dirname(at)) {
    for (const name of names) {
      const modules = path.join(at, 'node_modules')
      for (const file of [path.join(modules, 'node', 'bin', name), path.join(modules, '.bin', name)]) {
        if (existsSync(file)) return file
      }
    }
    if (path.dirname(at) === at) return undefined
  }
}

function handOver(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`Synod can't start ${node}: ${error.message}\n`)
    process.exitCode = 3
  })
  child.on('exit', (code, signal) => {
    // As a shell tells it: 128 and the signal's number.
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 0)
    for (const name of signals) process.removeAllListeners(name)
  })
}
