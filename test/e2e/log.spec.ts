import AxeBuilder from '@axe-core/playwright'
import type { BrowserContext, Page } from '@playwright/test'
import { expect, test } from '@playwright/test'
import { createClient } from '../../core/client/client.ts'
import type { Client } from '../../core/client/client.ts'
import { HeadlessHost } from './headless-host.ts'

/** Small, so that the replicas make checkpoints by themselves while the test looks on. */
const CHECKPOINT_SLOTS = 20

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
  const policy = { slotsMax: CHECKPOINT_SLOTS, bytesMax: 1024 * 1024 }
  // No AUDIT by itself: the slots here are those the test fills.
  const auditPolicy = { slotsMax: 100_000, intervalMs: 600_000 }
  const founded = await client.foundTry({ name: 'rehearsal', checkpointPolicy: policy, auditPolicy })
  expect(founded).toMatchObject({ ok: true })
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(host.url)
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
  await page.getByRole('link', { name: 'Log and checkpoints' }).click()
})

test.afterAll(async () => {
  await context.close()
  expect(await host.stop()).toBe(0)
})

test.afterEach(() => {
  expect(complaints).toEqual([])
})

async function submit(count: number, from = 1): Promise<void> {
  for (let sequence = from; sequence < from + count; sequence += 1) {
    const input = { op: 'set', key: `key-${sequence}`, value: sequence }
    expect(await client.submit({ client: 'e2e', sequence, machine: 'kv', input })).toMatchObject({ ok: true })
  }
}

const checkpoints = (): ReturnType<Page['getByRole']> =>
  page.getByRole('table', { name: 'Checkpoints of each replica' })
const log = (): ReturnType<Page['getByRole']> => page.getByRole('table', { name: /Slots of the log/ })

test('before there is a checkpoint the screen says what makes one', async () => {
  await expect(page.getByRole('heading', { name: 'Log and checkpoints' })).toBeVisible()
  await expect(page.getByText('No checkpoint yet.')).toBeVisible()
  await expect(page.getByText(`One is made after ${CHECKPOINT_SLOTS} slots`)).toBeVisible()
  await expect(page.getByText('No slot is decided yet.')).toBeVisible()
})

test('an Input is shown in the log of each replica, with its Output', async () => {
  await submit(3)
  const row = log().getByRole('row').filter({ hasText: 'e2e #2' })
  for (const name of ['a', 'b', 'c']) {
    await page.getByRole('radio', { name, exact: true }).click()
    await page.getByRole('button', { name: 'Newest', exact: true }).click()
    await expect(row).toContainText('set key: "key-2", value: 2')
    await expect(row).toContainText('{"existed":false}')
  }
  await expect(page.getByText(/Slots 1–\d+ of \d+ decided/)).toBeVisible()
})

test('a checkpoint is ordered by itself and becomes stable on every replica, with one root', async () => {
  await submit(CHECKPOINT_SLOTS, 4)
  for (const name of ['a', 'b', 'c']) {
    await expect(
      checkpoints().getByRole('img', { name: `${name}: stable, a majority attested this root` }),
    ).toBeVisible()
  }
  const roots = await checkpoints()
    .getByRole('row')
    .nth(1)
    .getByRole('button', { name: /^Copy root/ })
    .allTextContents()
  expect(roots).toHaveLength(3)
  expect(new Set(roots).size).toBe(1)
  await expect(page.getByText(/one checkpoint is stable/).first()).toBeVisible()
})

test('Checkpoint now shows the Output with its votes, and the checkpoint', async () => {
  await page.getByRole('button', { name: 'Checkpoint now' }).click()
  const result = page.getByRole('region', { name: 'Result' })
  await expect(result.getByText('3 of 3 agree')).toBeVisible()
  const told = /Slot ([\d,]+)/.exec((await result.textContent()) ?? '')?.[1] ?? 'none'
  const row = checkpoints()
    .getByRole('row')
    .filter({ has: page.getByRole('rowheader', { name: told, exact: true }) })
  await expect(row.getByRole('img', { name: /: stable/ })).toHaveCount(3)
  await result.getByRole('button', { name: 'Dismiss' }).click()
  await expect(result).toBeHidden()
  await page.getByRole('button', { name: 'Newest', exact: true }).click()
  await expect(log().getByRole('row').nth(1)).toContainText('CHECKPOINT')
})

test('the log is read by the keyboard, by slot, and from a slot on', async () => {
  await page.getByText('By slot', { exact: true }).click()
  await page.getByLabel('Go to slot').fill('2')
  await page.getByLabel('Go to slot').press('Enter')
  const inspector = page.getByRole('complementary', { name: 'Slot 2' })
  await expect(inspector.getByText('"key-2"')).toBeVisible()
  await log().getByRole('button', { name: 'Slot 2', exact: true }).focus()
  await page.keyboard.press('ArrowDown')
  await expect(log().getByRole('button', { name: 'Slot 3', exact: true })).toBeFocused()
  await page.keyboard.press('Enter')
  await expect(page.getByRole('complementary', { name: 'Slot 3' })).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(page.getByRole('complementary')).toBeHidden()
  await page.getByLabel('Go to slot').fill('99999')
  await page.getByRole('button', { name: 'Go', exact: true }).click()
  await expect(page.getByText('Slot 99,999 is not decided yet')).toBeVisible()
})

test('slots that went from the log are told to be in the checkpoint', async () => {
  // The log keeps a tail behind the two checkpoints; what is before it goes.
  await submit(330, 100)
  await expect(page.getByText(/Slots up to [\d,]+ may go|Slots from [\d,]+ on stay/).first()).toBeVisible()
  await page.getByLabel('Go to slot').fill('1')
  await page.getByLabel('Go to slot').press('Enter')
  await expect(page.getByText(/no longer in this log: they are in the checkpoint at slot/)).toBeVisible()
})

test('Votes shows the CHECKPOINT and no machine’s name', async () => {
  await page.getByRole('button', { name: 'Checkpoint now' }).click()
  await page.getByRole('region', { name: 'Result' }).getByRole('button', { name: 'Open in Votes' }).click()
  await expect(page.getByRole('table', { name: /Votes/ }).getByText('CHECKPOINT').first()).toBeVisible()
  await expect(page.getByRole('complementary').getByText(/Every replica keeps its State/)).toBeVisible()
  await expect(page.getByText('~checkpoint')).toHaveCount(0)
  await page.getByRole('link', { name: 'Log and checkpoints' }).click()
})

for (const theme of ['light', 'dark'] as const) {
  test(`the screen breaks no accessibility rule in ${theme}, wide and narrow`, async () => {
    await page.emulateMedia({ colorScheme: theme })
    await log().getByRole('button').first().click()
    await expect(page.getByRole('complementary')).toBeVisible()
    for (const width of [1280, 720]) {
      await page.setViewportSize({ width, height: 800 })
      const { violations } = await new AxeBuilder({ page }).analyze()
      expect(violations.map(({ id, nodes }) => ({ width, id, where: nodes.map(({ html }) => html) }))).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth')).toBe(true)
    }
    await page.setViewportSize({ width: 1280, height: 800 })
  })
}

test('a replica that was stopped is shown as it was, and its log is not offered', async () => {
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('button', { name: 'Actions for replica c' }).click()
  await page.getByRole('menuitem', { name: 'Stop', exact: true }).click()
  await expect(page.getByRole('row').filter({ hasText: 'stopped' })).toBeVisible()
  await page.getByRole('link', { name: 'Log and checkpoints' }).click()
  await expect(page.getByText('The replicas that do not run are shown as they were last.')).toBeVisible()
  await expect(page.getByRole('radio', { name: 'c', exact: true })).toHaveCount(0)
  await expect(page.getByRole('radio', { name: 'a', exact: true })).toBeVisible()
})

test('a replica that was away too long receives the State, and says so', async () => {
  await submit(330, 500)
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('button', { name: 'Actions for replica c' }).click()
  await page.getByRole('menuitem', { name: 'Start', exact: true }).click()
  await expect(page.getByText(/Replica c has the State at slot [\d,]+, verified/)).toBeVisible()
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible()
  await page.getByRole('link', { name: 'Log and checkpoints' }).click()
  await page.getByRole('radio', { name: 'c', exact: true }).click()
  // It may still be fetching the slots after the checkpoint.
  await expect(async () => {
    await page.getByRole('button', { name: 'Newest', exact: true }).click()
    await expect(log().getByRole('row').last()).toContainText('set key: "key-829", value: 829', { timeout: 1000 })
  }).toPass()
  await page.getByLabel('Go to slot').fill('1')
  await page.getByLabel('Go to slot').press('Enter')
  await expect(page.getByText(/no longer in this log: they are in the checkpoint at slot/)).toBeVisible()
})
