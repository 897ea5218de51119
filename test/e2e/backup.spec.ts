import AxeBuilder from '@axe-core/playwright'
import type { BrowserContext, Locator, Page } from '@playwright/test'
import { expect, test } from '@playwright/test'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '../../core/client/client.ts'
import type { Client } from '../../core/client/client.ts'
import { HeadlessHost } from './headless-host.ts'

let host: HeadlessHost
let context: BrowserContext
let page: Page
let client: Client
/** Where the backups go: outside of the host's data folder. */
let folder: string
let file: string
const complaints: string[] = []

test.describe.configure({ mode: 'serial' })

test.beforeAll(async ({ browser }) => {
  folder = await mkdtemp(join(tmpdir(), 'synod-e2e-backup-'))
  file = join(folder, 'first.synod')
  host = await HeadlessHost.serve()
  const { origin, hash } = new URL(host.url)
  client = createClient({ url: origin, token: hash.replace('#token=', '') })
  expect(await client.foundTry({ name: 'rehearsal' })).toMatchObject({ ok: true })
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(host.url)
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
  const input = { op: 'set', key: 'treasure', value: 'kept' }
  expect(await client.submit({ client: 'e2e', sequence: 1, machine: 'kv', input })).toMatchObject({ ok: true })
  await page.getByRole('link', { name: 'Log and checkpoints' }).click()
})

test.afterAll(async () => {
  await context.close()
  expect(await host.stop()).toBe(0)
  await rm(folder, { recursive: true, force: true })
})

test.afterEach(() => {
  expect(complaints).toEqual([])
})

const dialog = (): Locator => page.getByRole('dialog')
const opener = (): Locator => page.getByRole('button', { name: 'Back up…' })
const path = (): Locator => dialog().getByLabel('File on the host’s computer')

async function expectAccessible(what: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    // Without fades: colours half way between the themes have no contrast to speak of.
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    for (const width of [1280, 400]) {
      await page.setViewportSize({ width, height: 800 })
      const { violations } = await new AxeBuilder({ page }).analyze()
      const found = violations.map(({ id, nodes }) => ({ id, where: nodes.map(({ html }) => html) }))
      expect({ what, theme, width, found }).toEqual({ what, theme, width, found: [] })
      expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 })
}

test('the dialog suggests a file, and takes and gives back the focus', async () => {
  await opener().focus()
  await page.keyboard.press('Enter')
  await expect(path()).toBeFocused()
  await expect(path()).toHaveValue(/^\/.*\/rehearsal-\d{4}-\d\d-\d\d\.synod$/)
  await expectAccessible('the form of a backup')
  await page.keyboard.press('Escape')
  await expect(dialog()).toBeHidden()
  await expect(opener()).toBeFocused()
})

test('what the host refuses is told beside the file', async () => {
  await opener().click()
  await path().fill('first.synod')
  await path().press('Enter')
  await expect(dialog().getByText(/^Name the whole path/)).toBeVisible()
  await path().fill(join(folder, 'missing', 'first.synod'))
  await path().press('Enter')
  await expect(dialog().getByRole('alert')).toContainText('BACKUP_NOT_WRITABLE')
  await expect(path()).toBeFocused()
  await expectAccessible('a refusal')
})

test('a backup is written, and its summary says what is in it', async () => {
  await path().fill(file)
  await expect(dialog().getByRole('alert')).toBeEmpty()
  await path().press('Enter')
  await expect(dialog().getByRole('heading', { name: 'rehearsal is backed up' })).toBeVisible()
  await expect(dialog().getByText(/^A majority confirmed/)).toBeVisible()
  await expect(dialog().getByText('no checkpoint: the log from its first slot on')).toBeVisible()
  await expect(dialog().getByText(/^npx synod restore /)).toContainText(file)
  expect((await readFile(file)).length).toBeGreaterThan(0)
  expect(await readdir(folder)).toEqual(['first.synod'])
  await expectAccessible('the summary')
  await dialog().getByRole('button', { name: 'Close' }).click()
  await expect(opener()).toBeFocused()
})

test('a file that is there is replaced only after its loss was accepted', async () => {
  const other = join(folder, 'other.synod')
  await writeFile(other, 'something else')
  await opener().click()
  await path().fill(other)
  await path().press('Enter')
  await expect(dialog().getByRole('alert')).toContainText('is there already and was not touched')
  await dialog().getByRole('button', { name: 'Replace…' }).click()
  await expect(dialog().getByRole('heading', { name: 'Replace this file?' })).toBeVisible()
  await expect(dialog().getByRole('button', { name: 'Name another file' })).toBeFocused()
  await expectAccessible('the question whether to replace')
  expect(await readFile(other, 'utf8')).toBe('something else')
  await dialog().getByRole('button', { name: 'Replace the file' }).click()
  await expect(dialog().getByRole('heading', { name: 'rehearsal is backed up' })).toBeVisible()
  expect((await readFile(other)).subarray(0, 14).toString()).not.toBe('something else')
  await dialog().getByRole('button', { name: 'Close' }).click()
})

test('a damaged backup founds nothing, and the dialog says why', async () => {
  const damaged = join(folder, 'damaged.synod')
  const bytes = await readFile(file)
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 40) ^ 1, bytes.length - 40)
  await writeFile(damaged, bytes)
  await page.getByRole('button', { name: /^Cluster rehearsal/ }).click()
  await page.getByRole('menuitem', { name: 'Restore from a backup…' }).click()
  await expect(path()).toBeFocused()
  await expect(dialog()).toContainText('The cluster it was taken of goes on as it is')
  await path().fill(damaged)
  await path().press('Enter')
  await expect(dialog().getByRole('alert')).toContainText('BACKUP_DAMAGED')
  await expectAccessible('the form of a restore')
  await path().fill(file)
  await dialog().getByLabel('Name of the new cluster').fill('rehearsal')
  await dialog().getByLabel('Name of the new cluster').press('Enter')
  await expect(dialog().getByText('This host has a cluster named "rehearsal" already.')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('button', { name: /^Cluster rehearsal/ })).toBeFocused()
})

test('a second cluster is founded from the backup, shown, and has what was acknowledged', async () => {
  // What comes after the backup is not in it.
  const input = { op: 'set', key: 'treasure', value: 'changed later' }
  expect(await client.submit({ client: 'e2e', sequence: 2, machine: 'kv', input })).toMatchObject({ ok: true })
  await opener().click()
  await path().fill(join(folder, 'second.synod'))
  await path().press('Enter')
  await dialog().getByRole('button', { name: 'Restore…' }).click()
  await expect(path()).toHaveValue(join(folder, 'second.synod'))
  await path().fill(file)
  await dialog().getByLabel('Name of the new cluster').fill('second')
  await dialog().getByRole('button', { name: 'Found the new cluster' }).click()
  await expect(page.getByRole('button', { name: /^Cluster second/ })).toBeVisible()
  await expect(dialog()).toBeHidden()
  await expect(page.getByRole('main')).toBeFocused()
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
  expect(await readTreasure('second')).toContain('"kept"')
  await page.getByRole('button', { name: /^Cluster second/ }).click()
  await page.getByRole('menuitem', { name: 'rehearsal' }).click()
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible()
  expect(await readTreasure('rehearsal')).toContain('"changed later"')
})

async function readTreasure(cluster: string): Promise<string> {
  await expect(page.getByRole('button', { name: `Cluster ${cluster}: switch or manage` })).toBeVisible()
  await page.getByRole('link', { name: 'Submit' }).first().click()
  await page.getByLabel('State machine').selectOption('kv')
  await page.getByLabel('Operation').selectOption('get')
  await page.getByLabel('key', { exact: true }).fill('treasure')
  await page.getByRole('button', { name: 'Read', exact: true }).click()
  const result = page.locator('.submit-result')
  await expect(result.getByText(/[23] of 3 agree/)).toBeVisible()
  return (await result.textContent()) ?? ''
}

test('where clusters are founded, a backup is offered beside the doors', async () => {
  await page.goto(`${host.url.split('#')[0] ?? ''}#/doors`)
  const door = page.getByRole('region', { name: 'From a backup' })
  await door.getByRole('button', { name: 'Restore…' }).click()
  await expect(path()).toBeFocused()
  await page.keyboard.press('Escape')
  await expect(door.getByRole('button', { name: 'Restore…' })).toBeFocused()
  await expectAccessible('the doors')
})
