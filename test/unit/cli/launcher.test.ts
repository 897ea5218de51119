import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

const LAUNCHER = path.resolve(import.meta.dirname, '../../../core/cli/synod.js')
/** This Node, made to say that it is an older one. */
const OLD_NODE = [
  '--import',
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})',
]

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'synod-launcher-'))
  await mkdir(path.join(folder, 'core', 'cli'), { recursive: true })
  await writeFile(path.join(folder, 'package.json'), '{"type":"module"}')
  await copyFile(LAUNCHER, path.join(folder, 'core', 'cli', 'synod.js'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

interface Ended {
  readonly code: number | string | null
  readonly out: string
  readonly error: string
}

function run(words: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, words, (failure, out, error) => {
      resolve({ code: failure === null ? 0 : (failure.code ?? null), out, error })
    })
  })
}

function copied(): string {
  return path.join(folder, 'core', 'cli', 'synod.js')
}

async function writeNode(body: string): Promise<void> {
  const file = path.join(folder, 'node_modules', 'node', 'bin', 'node')
  await mkdir(path.dirname(file), { recursive: true })
  await writeFile(file, `#!${process.execPath}\n${body}\n`)
  await chmod(file, 0o700)
}

it('runs the command on a Node that can', async () => {
  expect(await run([LAUNCHER, '--version'])).toMatchObject({ code: 0, out: '0.1.0\n' })
  expect(await run([LAUNCHER, 'nonsense'])).toMatchObject({ code: 2 })
})

it('hands over to the Node of the npm package on an older one, with words, output and exit code', async () => {
  await writeNode('console.log(JSON.stringify(process.argv.slice(2))); process.exit(5)')
  const ended = await run([...OLD_NODE, copied(), 'submit', '{"op": "get"}'])
  expect(ended.code).toBe(5)
  expect(JSON.parse(ended.out)).toEqual([path.join(folder, 'core', 'cli', 'main.ts'), 'submit', '{"op": "get"}'])
})

it('passes signals on, and the way the command ended', async () => {
  await writeNode(`
    process.on('SIGTERM', () => { console.log('asked to stop'); process.exit(0) })
    setInterval(() => undefined, 1000)
    console.log('up')`)
  const child = spawn(process.execPath, [...OLD_NODE, copied(), 'serve'])
  let out = ''
  child.stdout.on('data', (data: Buffer) => (out += data.toString()))
  await expect.poll(() => out, { timeout: 5000 }).toContain('up')
  const ended = once(child, 'close')
  child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  expect(out).toBe('up\nasked to stop\n')
})

it('tells the death of the command as a shell does', async () => {
  await writeNode('process.kill(process.pid, "SIGKILL")')
  expect(await run([...OLD_NODE, copied()])).toMatchObject({ code: 137 })
})

it('says what to do where there is no Node that can', async () => {
  const ended = await run([...OLD_NODE, copied(), 'status'])
  expect(ended.code).toBe(3)
  expect(ended.error).toContain('20.20.2')
  expect(ended.error).toContain('npm ci')
})
