import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { EXIT } from '../exit-codes.ts'
import type { ExitCode } from '../exit-codes.ts'
import type { Surroundings } from '../surroundings.ts'
import { findAndRepair } from './chapters/audits.ts'
import { killLeader, loseMajority, restartAll } from './chapters/failures.ts'
import { foundCluster, retry, submitInputs } from './chapters/serving.ts'
import { checkpointAndTransfer } from './chapters/storage.ts'
import { Stage } from './stage.ts'
import { Story, StoryError } from './story.ts'

export interface DemoOptions {
  readonly json: boolean
}

/** In order; each leaves the cluster well for the next. */
const CHAPTERS: readonly ((stage: Stage, story: Story) => Promise<void>)[] = [
  foundCluster,
  submitInputs,
  retry,
  findAndRepair,
  loseMajority,
  killLeader,
  checkpointAndTransfer,
  restartAll,
]

/** The whole story on real parts in a temporary folder; done only if every statement it prints was checked. */
export async function demo({ json }: DemoOptions, surroundings: Surroundings): Promise<ExitCode> {
  const folder = await mkdtemp(path.join(tmpdir(), 'synod-demo-'))
  const story = new Story({ write: surroundings.writeOut, json })
  const stage = new Stage(() => surroundings.openHost({ dataFolder: folder, trace: () => undefined }))
  const endStop = surroundings.onStop(() => {
    void stage.close().finally(() => process.exit(EXIT.fault))
  })
  try {
    await stage.open()
    for (const chapter of CHAPTERS) await chapter(stage, story)
    end(story, { json, surroundings })
    return EXIT.done
  } catch (error) {
    if (!(error instanceof StoryError)) throw error
    const words = `The demo ends here: ${error.message}`
    surroundings.writeOut(json ? `${JSON.stringify({ done: false, problem: words })}\n` : `\n✕ ${words}\n`)
    return EXIT.fault
  } finally {
    endStop()
    await stage.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function end(story: Story, context: { readonly json: boolean; readonly surroundings: Surroundings }): void {
  const { statements, seconds } = story
  const { json, surroundings } = context
  if (json) surroundings.writeOut(`${JSON.stringify({ done: true, statements, seconds })}\n`)
  else surroundings.writeOut(`\nAll ${statements} statements were checked, in ${seconds} s. Next: npm start\n`)
}
