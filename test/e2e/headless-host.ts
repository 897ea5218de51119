import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'

const ROOT = resolve(import.meta.dirname, '../..')

/** The headless host as a newcomer runs it: `synod serve`, in a process of its own, on a temporary folder. */
export class HeadlessHost {
  readonly #folder: string
  readonly #process: ChildProcess
  /** The console's address with its access token. */
  readonly url: string

  private constructor(init: { readonly folder: string; readonly process: ChildProcess; readonly url: string }) {
    this.#folder = init.folder
    this.#process = init.process
    this.url = init.url
  }

  static async serve(): Promise<HeadlessHost> {
    const folder = await mkdtemp(join(tmpdir(), 'synod-e2e-'))
    const args = [join(ROOT, 'core/cli/main.ts'), 'serve', '--json', '--data', folder]
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
    return new HeadlessHost({ folder, process: child, url: await firstAddress(child) })
  }

  /** As Ctrl+C does. @returns the exit code. */
  async stop(): Promise<number | null> {
    const exited = new Promise<number | null>((done) => this.#process.once('exit', done))
    this.#process.kill('SIGTERM')
    const code = await exited
    await rm(this.#folder, { recursive: true, force: true })
    return code
  }
}

async function firstAddress(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the host has no standard output')
  for await (const line of createInterface({ input: child.stdout })) {
    const told: unknown = JSON.parse(line)
    if (typeof told === 'object' && told !== null && 'console' in told && typeof told.console === 'string') {
      return told.console
    }
  }
  throw new Error('the host ended before it told where its console is')
}
