import { auditText } from './text/audit.ts'
import { backupText } from './text/backup.ts'
import { clustersText } from './text/clusters.ts'
import { faultsText } from './text/faults.ts'
import { frameText } from './text/frame.ts'
import { membersText } from './text/members.ts'
import { storageText } from './text/storage.ts'
import { submitText } from './text/submit.ts'
import { votesText } from './text/votes.ts'

/** Every sentence the console shows, in one place. What the host says (health, problems, notes) comes from the host. */
export const text = {
  ...frameText,
  ...clustersText,
  ...membersText,
  ...votesText,
  ...submitText,
  ...storageText,
  ...backupText,
  ...auditText,
  ...faultsText,

  cancel: 'Cancel',
  close: 'Close',
  dismiss: 'Dismiss',

  health: { good: 'Good', attention: 'Attention', danger: 'Danger', label: 'Health' },
  phases: { founding: 'Founding', serving: 'Serving', 'no-quorum': 'No quorum', stopped: 'Stopped' },

  time: {
    now: 'now',
    ago: (age: string) => `${age} ago`,
  },
  nothing: '–',
}
