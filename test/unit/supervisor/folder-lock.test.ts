import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { link, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { HostError } from '../../../core/supervisor/errors.ts'
import { lockFolder } from '../../../core/supervisor/folder-lock.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const CHILD = fileURLToPath(new URL('lock-child.ts', import.meta.url))

interface Answer {
  readonly locked?: boolean
  readonly message?: string
}

/** Another process, ready to lock the folder. */
async function locker(folder: string): Promise<ChildProcess> {
  const child = fork(CHILD, [folder], { execArgv: [] })
  onTestFinished(() => end(child))
  await once(child, 'message')
  return child
}

async function tell(child: ChildProcess, order: 'lock' | 'release'): Promise<Answer> {
  const answer = once(child, 'message') as Promise<[Answer]>
  child.send(order)
  return (await answer)[0]
}

/** Another process that tries to lock the folder. */
async function lockElsewhere(folder: string): Promise<Answer & { readonly child: ChildProcess }> {
  const child = await locker(folder)
  return { child, ...(await tell(child, 'lock')) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function lockHere(folder: string): Promise<void> {
  const lock = await lockFolder(folder)
  onTestFinished(() => lock.release())
}

const refusal = (folder: string): Promise<unknown> =>
  lockHere(folder).then(
    () => 'locked',
    (error: unknown) => (error instanceof HostError ? error.fault : error),
  )

/** A folder whose path is too long for a socket inside it. */
async function longFolder(): Promise<string> {
  const folder = join(await temporaryFolder(), 'a-folder-with-a-long-name'.repeat(4), 'data')
  await mkdir(folder, { recursive: true })
  return folder
}

describe('a data folder', () => {
  it('is one host’s: the second is refused, with the folder’s name and what to do', async () => {
    const folder = await temporaryFolder()
    await lockHere(folder)
    expect(await refusal(folder)).toEqual({ code: 'DATA_FOLDER_IN_USE', folder })
    expect((await lockElsewhere(folder)).message).toContain(`Another Synod host is using the data folder ${folder}.`)
  })

  it('of another process is refused here, until that process lets it go', async () => {
    const folder = await temporaryFolder()
    const { child } = await lockElsewhere(folder)
    expect(await refusal(folder)).toMatchObject({ code: 'DATA_FOLDER_IN_USE' })
    const exit = once(child, 'exit')
    child.disconnect()
    await exit
    expect(await refusal(folder)).toBe('locked')
  })

  it('is free again after its host was killed, though the socket is still there', async () => {
    const folder = await temporaryFolder()
    const { child } = await lockElsewhere(folder)
    await end(child)
    expect(await readdir(folder)).toEqual(['host.sock'])
    expect(await refusal(folder)).toBe('locked')
    expect((await lockElsewhere(folder)).locked).toBe(false)
    expect(await readdir(folder)).toEqual(['host.sock'])
  })

  it('can be locked again once it was released, and nothing is left behind', async () => {
    const folder = await temporaryFolder()
    const lock = await lockFolder(folder)
    await lock.release()
    expect(await readdir(folder)).toEqual([])
    expect(await refusal(folder)).toBe('locked')
  })

  it('does not stand in the way of another folder', async () => {
    await lockHere(await temporaryFolder())
    expect(await refusal(await temporaryFolder())).toBe('locked')
  })

  it('with a path too long for a socket is locked all the same, and free after a kill', async () => {
    const folder = await longFolder()
    const { child, locked } = await lockElsewhere(folder)
    expect([locked, await refusal(folder)]).toEqual([true, { code: 'DATA_FOLDER_IN_USE', folder }])
    await end(child)
    expect(await refusal(folder)).toBe('locked')
  })

  it('is the same folder when it is reached by a short link', async () => {
    const folder = await longFolder()
    const link = join(await temporaryFolder(), 'link')
    await symlink(folder, link)
    await lockHere(folder)
    expect(await refusal(link)).toMatchObject({ code: 'DATA_FOLDER_IN_USE' })
  })

  it('goes to exactly one of several hosts that start at once after a kill, round after round', async () => {
    const folder = await temporaryFolder()
    await end((await lockElsewhere(folder)).child)
    const stale = join(folder, 'stale.sock')
    await rename(join(folder, 'host.sock'), stale)
    const children = await Promise.all(Array.from({ length: 4 }, () => locker(folder)))
    const winners: number[] = []
    for (let round = 0; round < 40; round += 1) {
      await link(stale, join(folder, 'host.sock'))
      const answers = await Promise.all(children.map((child) => tell(child, 'lock')))
      winners.push(answers.filter((answer) => answer.locked === true).length)
      await Promise.all(children.map((child) => tell(child, 'release')))
      await rm(join(folder, 'host.sock'), { force: true })
    }
    expect(winners).toEqual(winners.map(() => 1))
  })
})
