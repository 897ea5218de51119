/** Locks the folder it is given when it is told to, says how that went, and lets go when it is told to. */
import { messageOf } from '../../../core/base/errors.ts'
import type { FolderLock } from '../../../core/supervisor/folder-lock.ts'
import { lockFolder } from '../../../core/supervisor/folder-lock.ts'

const [, , folder = ''] = process.argv
const held: { lock?: FolderLock } = {}

async function obey(order: unknown): Promise<object> {
  if (order === 'release') {
    await held.lock?.release()
    delete held.lock
    return {}
  }
  try {
    held.lock = await lockFolder(folder)
    return { locked: true }
  } catch (error) {
    return { locked: false, message: messageOf(error) }
  }
}

process.on('message', (order) => {
  void obey(order).then((answer) => process.send?.(answer))
})
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
