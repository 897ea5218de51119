import { appendFileSync } from 'node:fs'
import { slot } from '../../../core/model/ids.ts'
import type { CheckpointStore } from '../../../core/ports/checkpoint-store.ts'
import { present } from '../../../core/base/assert.ts'
import { certificateOf, openCheckpoints, stateOf, watchedDisk, writeCheckpoint } from './checkpoint-parts.ts'

/** What the process does when it is not killed. */
const SCENARIOS: Readonly<Record<string, (store: CheckpointStore) => Promise<unknown>>> = {
  write: (store) => writeCheckpoint(store, 30, stateOf(3000, 7)),
  replace: (store) => writeCheckpoint(store, 20, stateOf(40, 9)),
  certify: (store) => store.certify(certificateOf(present(store.checkpoints[0], 'a checkpoint'))),
  keep: (store) => store.keep([slot(20)]),
  tidy: () => Promise.resolve(),
}

/** Opens the store, then acts, and kills itself ahead of one of the changes on disk; `half`: in the middle of it. */
async function act(folder: string, scenario: string, boundary: number, half: boolean): Promise<void> {
  let changes = 0
  let counts = scenario === 'tidy'
  const disk = watchedDisk((change, file, bytes) => {
    changes += counts ? 1 : 0
    if (!counts || changes !== boundary) return Promise.resolve()
    if (half && change === 'append' && bytes !== undefined) appendFileSync(file, bytes.subarray(0, bytes.length >>> 1))
    process.kill(process.pid, 'SIGKILL')
    return new Promise(() => undefined)
  })
  const store = await openCheckpoints(folder, { disk })
  counts = true
  await present(SCENARIOS[scenario], 'a scenario')(store)
}

const [, , folder, scenario, boundary, half] = process.argv
await act(present(folder, 'a folder'), present(scenario, 'a scenario'), Number(boundary), half === 'half')
