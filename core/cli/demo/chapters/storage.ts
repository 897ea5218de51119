import type { ReplicaView } from '../../../api/views.ts'
import { formatBytes } from '../../numbers.ts'
import type { Stage } from '../stage.ts'
import { StoryError } from '../story.ts'
import type { Story } from '../story.ts'

/** Enough that the log fills more than one segment file between two checkpoints. */
const INPUTS = 1_500
const VALUE = 'x'.repeat(8 * 1024)
const CLIENTS = 4

/** A CHECKPOINT, the log that shrinks behind it, and a replica that was away coming back by state transfer. */
export async function checkpointAndTransfer(stage: Stage, story: Story): Promise<void> {
  const view = await stage.until('a leader is known', ({ leader }) => leader !== null)
  const away = view.replicas.map(({ name }) => name).findLast((name) => name !== view.leader) ?? 'c'
  await stage.call('replica.stop', { cluster: stage.cluster, replica: away })

  story.chapter('Take a CHECKPOINT')
  await write(stage, 'first')
  const first = await checkpoint(stage)
  const kept = await stage.until(`the checkpoint at slot ${first} is stable`, ({ replicas }) =>
    replicas.filter(({ name }) => name !== away).every((replica) => isStable(replica, first)),
  )
  const held = kept.replicas.find(({ name }) => name !== away)
  const info = held?.storage.checkpoints.find(({ slot }) => slot === first)
  story.check(
    info !== undefined,
    `Every replica that runs keeps its State as it was at slot ${first}, and a majority signed the same root.`,
    `${info?.keys ?? 0} keys, ${formatBytes(info?.stateBytes ?? 0)}`,
  )

  story.chapter('See the log shrink')
  await write(stage, 'second')
  const before = (await stage.view()).replicas.find(({ name }) => name === held?.name)?.storage.logBytes ?? 0
  const second = await checkpoint(stage)
  const shrunk = await stage.until('the log before the checkpoint is dropped', ({ replicas }) =>
    replicas
      .filter(({ name }) => name !== away)
      .every(({ storage }) => storage.slotFirst === first + 1 && storage.logBytes < before),
  )
  const after = shrunk.replicas.find(({ name }) => name === held?.name)?.storage
  story.check(
    after !== undefined && after.logBytes < before,
    `Two checkpoints stand for the slots up to ${first}: the log lets them go.`,
    `${formatBytes(before)}, then ${formatBytes(after?.logBytes ?? 0)}; checkpoints at ${first} and ${second}`,
  )

  story.chapter('Come back after the log has moved on')
  await stage.call('replica.start', { cluster: stage.cluster, replica: away })
  const level = await stage.until(`replica ${away} is level`, ({ replicas, slotDecided, survivable }) => {
    const replica = replicas.find(({ name }) => name === away)
    return survivable === 1 && replica?.transfer === null && replica.slotExecuted === slotDecided
  })
  const { notes } = await stage.call('host.notes', { limit: 100 })
  const received = notes.find(({ text }) => text.startsWith(`Replica ${away} has the State at slot`))
  story.check(
    received !== undefined,
    `Replica ${away} missed slots that nobody has any more; it received the State, verified it, and is level.`,
    received?.text,
  )
  story.check(level.survivable === 1, 'One failure is survivable again.', level.health.sentence)
}

function isStable(replica: ReplicaView, slot: number): boolean {
  return replica.storage.checkpoints.some((checkpoint) => checkpoint.slot === slot && checkpoint.stable)
}

async function checkpoint(stage: Stage): Promise<number> {
  const outcome = await stage.call('cluster.checkpoint', { cluster: stage.cluster })
  if (outcome.kind === 'output') return outcome.slot
  throw new StoryError(outcome.kind === 'fail' ? `FAIL: ${outcome.message}` : 'a stale Output')
}

async function write(stage: Stage, round: string): Promise<void> {
  const writers = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let sequence = 1; sequence <= INPUTS / CLIENTS; sequence += 1) {
      const input = {
        op: 'set',
        key: `note-${(sequence * CLIENTS + client) % 200}`,
        value: `${round} ${sequence} ${VALUE}`,
      }
      await stage.output({ client: `${round}-${client}`, sequence, input, timeoutMs: 20_000 })
    }
  })
  await Promise.all(writers)
}
