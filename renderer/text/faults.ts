import type { FaultKind } from '../../core/api/faults.ts'
import { formatCount } from '../formatting/number.ts'

/** Words of rehearsal: faults that can be injected, and those that are. */
export const faultsText = {
  faults: {
    inject: 'Inject a fault',
    /** In the menu. */
    names: {
      pause: 'Pause the process',
      kill: 'Kill the process',
      lie: 'Lie about Outputs',
      'flip-byte': 'Flip a byte of the State',
      'disable-auditor': 'Disable the auditor',
      'disk-stall': 'Stall the disk',
      'disk-full': 'Fill the disk',
    },
    /** Beside the name of the replica they are active on. */
    active: {
      pause: 'paused',
      kill: 'killed',
      'disk-full': 'disk full',
      'disk-stall': 'disk stalled',
      'clock-skew': 'clock off',
      'flip-byte': 'byte flipped',
      'corrupt-log': 'log damaged',
      lie: 'lies',
      'disable-auditor': 'auditor disabled',
      drop: 'messages dropped',
      delay: 'messages delayed',
      duplicate: 'messages repeated',
      partition: 'partitioned',
    } satisfies Record<FaultKind, string>,
    injected: (what: string) => `${what} (injected)`,
    strip: 'Rehearsal',
    count: (count: number) => (count === 1 ? '1 fault is injected:' : `${formatCount(count)} faults are injected:`),
    endsIn: (age: string) => `ends in ${age}`,
    ending: 'is ending',
    stays: 'until it is ended',
    endNow: 'End now',
    endNowLabel: (what: string) => `End now: ${what}`,
    end: (what: string) => `End: ${what}`,
  },
}
