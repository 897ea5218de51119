import { unreachable } from '../base/assert.ts'
import type { Fault } from '../api/faults.ts'

/** For people: what an injected fault does, as half a sentence. */
export function faultText(fault: Fault): string {
  switch (fault.kind) {
    case 'pause':
      return `${fault.replica}'s process is paused`
    case 'kill':
      return `${fault.replica}'s process is killed`
    case 'disk-full':
      return `${fault.replica}'s disk is full`
    case 'disk-stall':
      return `${fault.replica}'s disk syncs nothing`
    case 'clock-skew':
      return `${fault.replica}'s clock is ${Math.abs(fault.byMs)} ms ${fault.byMs < 0 ? 'behind' : 'ahead'}`
    case 'flip-byte':
      return `one byte of ${fault.replica}'s State is changed${fault.key === undefined ? '' : `, of "${fault.key}"`}`
    case 'corrupt-log':
      return `one byte of ${fault.replica}'s log file is changed`
    case 'lie':
      return `${fault.replica} lies in ${fault.how === 'always' ? 'every Output' : 'the Outputs of every third slot'}`
    case 'disable-auditor':
      return `${fault.replica}'s auditor is off`
    case 'drop':
      return `${percent(fault.part)} of ${trafficOf(fault)} is lost`
    case 'delay':
      return `${trafficOf(fault)} comes ${fault.byMs} ms later`
    case 'duplicate':
      return `${percent(fault.part)} of ${trafficOf(fault)} comes twice`
    case 'partition':
      return `everything ${trafficOf(fault).replace(/^what /, '')} is lost`
    default:
      return unreachable(fault)
  }
}

/** The replicas it is on, or between. */
export function replicasOf(fault: Fault): readonly string[] {
  return 'replica' in fault ? [fault.replica] : [fault.from, fault.to]
}

function trafficOf({ from, to, bothWays }: Extract<Fault, { from: string }>): string {
  return bothWays ? `what ${from} and ${to} send to each other` : `what ${from} sends to ${to}`
}

function percent(part: number): string {
  return `${Math.round(part * 1000) / 10} %`
}
