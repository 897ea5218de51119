import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { createPrng } from '../../../core/base/prng.ts'
import type { ChildReport } from './append-child.ts'
import { removeTemporaryFolders, temporaryFolder } from './faulty-disk.ts'
import { readLog, recordsOf } from './log-folder.ts'

afterAll(removeTemporaryFolders)

const CHILD = fileURLToPath(new URL('./append-child.ts', import.meta.url))
const KILLS = 14

/** Lets a process append to the log, and kills it once it has sent so many reports. */
async function appendAndKill(folder: string, reportsMax: number): Promise<readonly ChildReport[]> {
  const child = fork(CHILD, [folder], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const reports: ChildReport[] = []
  child.on('message', (report: ChildReport) => {
    reports.push(report)
    if (reports.length === reportsMax) child.kill('SIGKILL')
  })
  await once(child, 'exit')
  expect(child.signalCode).toBe('SIGKILL')
  return reports
}

it('has every acknowledged record after a process was killed at any moment, also while it opened its log', async () => {
  const prng = createPrng(7)
  const folder = temporaryFolder()
  let acknowledged = 0
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const whileOpening = kill % 4 === 0
    const reports = await appendAndKill(folder, whileOpening ? 1 : prng.between(2, 120))
    for (const report of reports) {
      if (report.kind === 'opened') {
        expect(report.intact).toBe(true)
        expect(report.records).toBeGreaterThanOrEqual(acknowledged)
      }
      if (report.kind === 'acknowledged') acknowledged = Math.max(acknowledged, report.number)
    }
  }
  const { found } = await readLog(folder)
  expect(found).toEqual(recordsOf(1, found.length))
  expect(found.length).toBeGreaterThanOrEqual(acknowledged)
  expect(acknowledged).toBeGreaterThan(KILLS)
}, 60_000)
