import AxeBuilder from '@axe-core/playwright'
import type { BrowserContext, Locator, Page } from '@playwright/test'
import { expect, test } from '@playwright/test'
import { readFile } from 'node:fs/promises'
import { createClient } from '../../core/client/client.ts'
import type { Client } from '../../core/client/client.ts'
import { HeadlessHost } from './headless-host.ts'

let host: HeadlessHost
let context: BrowserContext
let page: Page
let client: Client
const complaints: string[] = []

test.describe.configure({ mode: 'serial' })

test.beforeAll(async ({ browser }) => {
  host = await HeadlessHost.serve()
  const { origin, hash } = new URL(host.url)
  client = createClient({ url: origin, token: hash.replace('#token=', '') })
  // So rarely that none comes by itself while the test looks on: each AUDIT here is one that was asked for.
  const auditPolicy = { slotsMax: 100_000, intervalMs: 600_000 }
  expect(await client.foundTry({ name: 'rehearsal', auditPolicy })).toMatchObject({ ok: true })
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true })
  page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(host.url)
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
  const input = { op: 'set', key: 'treasure', value: 'kept in the north tower' }
  expect(await client.submit({ client: 'e2e', sequence: 1, machine: 'kv', input })).toMatchObject({ ok: true })
  await page.getByRole('link', { name: 'Audit', exact: true }).click()
})

test.afterAll(async () => {
  await context.close()
  expect(await host.stop()).toBe(0)
})

test.afterEach(() => {
  expect(complaints).toEqual([])
})

const matrix = (): Locator => page.getByRole('table', { name: /^AUDITs, newest first/ })
const newest = (): Locator => matrix().getByRole('row').nth(1)
const result = (): Locator => page.getByRole('region', { name: 'Result' })
const strip = (): Locator => page.getByRole('region', { name: 'Rehearsal' })
const incident = (number: number): Locator => page.getByRole('group', { name: `Incident ${number}` })
const head = (number: number): Locator => page.getByRole('button', { name: new RegExp(`^#${number} `) })

async function auditNow(): Promise<void> {
  await page.getByRole('button', { name: 'Audit now' }).click()
  await expect(result().getByText(/The AUDIT at slot [\d,]+: /)).toBeVisible()
}

async function inject(replica: string, fault: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: `Actions for replica ${replica}` }).click()
  await page.getByRole('menuitem', { name: fault }).click()
}

async function expectAccessible(what: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    // Without fades: colours half way between the themes have no contrast to speak of.
    await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 800 })
      const { violations } = await new AxeBuilder({ page }).analyze()
      const found = violations.map(({ id, nodes }) => ({ id, where: nodes.map(({ html }) => html) }))
      expect({ what, theme, width, found }).toEqual({ what, theme, width, found: [] })
      expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 })
}

test('before there is an AUDIT the screen says what makes one', async () => {
  await expect(page.getByRole('heading', { name: 'Audit', exact: true })).toBeVisible()
  await expect(page.getByText('No AUDIT yet.')).toBeVisible()
  await expect(page.getByText('One is ordered every 10 min, or by Audit now.')).toBeVisible()
  await expect(page.getByText(/^No replica has deviated/)).toBeVisible()
  await expectAccessible('no AUDIT yet')
})

test('Audit now shows that all three agree, with one root, and its Output with the votes', async () => {
  await auditNow()
  await expect(result().getByText(/The AUDIT at slot [\d,]+: all three agree\./)).toBeVisible()
  await expect(result().getByText('3 of 3 agree')).toBeVisible()
  await expect(page.getByText(/^The last AUDIT, slot [\d,]+, .*: all three agree\.$/)).toBeVisible()
  for (const name of ['a', 'b', 'c']) await expect(newest().getByRole('img', { name: `${name} agrees` })).toBeVisible()
  const roots = await newest()
    .getByRole('button', { name: /^Copy root/ })
    .allTextContents()
  expect(roots).toHaveLength(3)
  expect(new Set(roots).size).toBe(1)
})

test('Votes and the log name the AUDIT and no machine, and a vote’s signature can be copied', async () => {
  await result().getByRole('button', { name: 'Open in Votes' }).click()
  await expect(page.getByRole('table', { name: /Votes/ }).getByText('AUDIT', { exact: true }).first()).toBeVisible()
  const inspector = page.getByRole('complementary')
  await expect(inspector.getByText(/Every replica tells what it holds/)).toBeVisible()
  await expect(inspector.getByRole('button', { name: /^Copy the signature of [abc], / })).toHaveCount(3)
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await inspector.getByRole('button', { name: /^Copy the signature of a, / }).click()
  expect(await page.evaluate('navigator.clipboard.readText()')).toMatch(/^[\w+/]{86}==$/)
  await page.getByRole('link', { name: 'Log and checkpoints' }).click()
  await expect(page.getByRole('table', { name: /Slots of the log/ }).getByText('AUDIT', { exact: true })).toBeVisible()
  await page.getByRole('link', { name: 'Audit', exact: true }).click()
  await result().getByRole('button', { name: 'Dismiss' }).click()
})

test('a flipped byte is found, its key and both values are shown, and it is repaired and verified', async () => {
  expect(await client.inject({ fault: { kind: 'flip-byte', replica: 'b', key: 'kv/entry/treasure' } })).toMatchObject({
    ok: true,
  })
  await auditNow()
  await expect(newest().getByRole('img', { name: 'b deviates' })).toBeVisible()
  await expect(head(1)).toHaveAttribute('aria-expanded', 'true')
  const keys = incident(1).getByRole('table', { name: 'Keys that differ' })
  await expect(keys.getByRole('row')).toHaveCount(2)
  await expect(keys.getByRole('rowheader')).toContainText('treasure')
  await expect(keys.getByRole('cell').last()).toContainText('kept in the north tower')
  await expect(keys.locator('mark')).toHaveCount(2)
  await expect(incident(1).getByText(/In partition \d+ of 1,024\./)).toBeVisible()
  await expect(head(1)).toContainText('repaired', { timeout: 60_000 })
  const steps = incident(1).getByRole('list', { name: 'What was done' }).getByRole('listitem')
  for (const kind of ['found', 'quarantined', 'evidence', 'restarted', 'verified']) {
    await expect(steps.filter({ hasText: kind }).first()).toBeVisible()
  }
  // It reported anew after its repair; that it deviated at first stays to be seen.
  await expect(newest().getByRole('img', { name: 'b agrees' })).toBeVisible()
  await expect(newest().getByRole('button', { name: 'deviated first, #1, incident of replica b' })).toBeVisible()
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible()
  await expectAccessible('a repaired incident')
})

test('the evidence is downloaded, with the signed reports and both values', async () => {
  const coming = page.waitForEvent('download')
  await incident(1).getByRole('button', { name: 'Download evidence' }).click()
  const download = await coming
  expect(download.suggestedFilename()).toBe('rehearsal-incident-1.json')
  const kept: unknown = JSON.parse(await readFile(await download.path(), 'utf8'))
  expect(kept).toMatchObject({
    kind: 'synod incident',
    incident: { number: 1, state: 'repaired', evidence: { differs: 'state' } },
  })
  expect(JSON.stringify(kept)).toContain('kept in the north tower')
})

test('an incident opens and closes by the keyboard', async () => {
  await head(1).focus()
  await page.keyboard.press('Enter')
  await expect(incident(1)).toBeHidden()
  await page.keyboard.press('Space')
  await expect(incident(1)).toBeVisible()
})

test('a fault that is injected is shown as injected on every screen, and is ended from there', async () => {
  await inject('c', /^Disable the auditor/)
  await expect(strip().getByText('1 fault is injected:')).toBeVisible()
  for (const screen of ['Overview', 'Submit', 'Votes', 'Log and checkpoints', 'Audit']) {
    await page.getByRole('link', { name: screen, exact: true }).first().click()
    await expect(strip().getByText(/^ends in \d+ s$/)).toBeVisible()
  }
  await page.getByRole('link', { name: 'Overview' }).click()
  await expect(page.getByText('auditor disabled (injected)', { exact: true })).toBeVisible()
  await strip()
    .getByRole('button', { name: /^End now/ })
    .click()
  await expect(strip()).toBeHidden()
  await expect(page.getByText('auditor disabled (injected)', { exact: true })).toBeHidden()
})

test('a liar is found by its Outputs, quarantined and named, and leads to Audit', async () => {
  await inject('c', /^Lie about Outputs/)
  await expect(page.getByText('lies (injected)', { exact: true })).toBeVisible()
  const input = { op: 'set', key: 'truth', value: 42 }
  expect(await client.submit({ client: 'e2e', sequence: 2, machine: 'kv', input })).toMatchObject({ ok: true })
  expect(await client.audit({})).toMatchObject({ ok: true })
  await expect(page.getByRole('link', { name: /^Audit.*not closed/ })).toBeVisible()
  await expect(page.getByText('quarantined', { exact: true })).toBeVisible()
  await page.getByRole('link', { name: 'Open in Audit' }).click()
  await expect(incident(2).getByText(/the Outputs given differ/)).toBeVisible()
  await expectAccessible('an incident under repair')
})

test('repair is asked about by its consequence, and a repaired liar is verified', async () => {
  await expect(head(2)).toContainText('repaired', { timeout: 60_000 })
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
  await page.getByRole('button', { name: 'Actions for replica a' }).click()
  await page.getByRole('menuitem', { name: 'Repair…' }).click()
  const dialog = page.getByRole('alertdialog')
  await expect(dialog.getByText(/requests go on, and no other may fail/)).toBeVisible()
  await expectAccessible('the repair dialog')
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await expect(dialog).toBeHidden()
  await page.getByRole('button', { name: 'Actions for replica a' }).click()
  await page.getByRole('menuitem', { name: 'Repair…' }).click()
  await dialog.getByRole('button', { name: 'Repair the replica' }).click()
  await expect(head(3)).toContainText('repaired', { timeout: 60_000 })
})
