import type { LogSlotView, LogView } from '../api/views.ts'
import type { LoggedSlot } from '../host/protocol.ts'
import type { Input } from '../model/input.ts'
import { LIMITS } from '../model/limits.ts'
import { decodeBatch } from '../wire/batch.ts'
import { ballotView, outputView, payloadView } from './vote-views.ts'
import type { NameOf } from './vote-views.ts'

interface Logged {
  readonly slotFirst: number
  readonly slotDecided: number
  readonly slots: readonly LoggedSlot[]
}

/** `replica`: the name of the one whose log it is. */
export function logView(replica: string, { slotFirst, slotDecided, slots }: Logged, nameOf: NameOf): LogView {
  return { replica, slotFirst, slotDecided, slots: slots.map((slot) => slotView(slot, nameOf)) }
}

function slotView({ slot, ballot, value, outputs }: LoggedSlot, nameOf: NameOf): LogSlotView {
  const decoded = decodeBatch(value)
  const batch = decoded.ok && decoded.value.kind === 'inputs' ? decoded.value : undefined
  const inputs = batch?.inputs ?? []
  return {
    slot,
    ballot: ballotView(ballot ?? { round: 0, proposer: '' }, nameOf),
    bytes: value.length,
    timeMs: batch?.timeMs ?? null,
    inputCount: inputs.length,
    inputs: inputs.slice(0, LIMITS.shownInputsMax).map((input, position) => {
      const output = outputs?.[position]
      return { ...inputView(input, nameOf), output: output === undefined ? null : outputView(output) }
    }),
  }
}

function inputView(input: Input, nameOf: NameOf): Omit<LogSlotView['inputs'][number], 'output'> {
  const { kind, client, sequence, machine } = input
  return { kind, client, sequence, machine, input: payloadView(input.payload), proxy: nameOf(input.proxy) }
}
