import AxeBuilder from '@axe-core/playwright'
import type { BrowserContext, Locator, Page } from '@playwright/test'
import { expect, test } from '@playwright/test'
import { HeadlessHost } from './headless-host.ts'

let host: HeadlessHost
let context: BrowserContext
let page: Page
const complaints: string[] = []
/** Of the first Input: an AUDIT may have been ordered before it. */
let slotFirst = 'none'

test.describe.configure({ mode: 'serial' })

test.beforeAll(async ({ browser }) => {
  host = await HeadlessHost.serve()
  // Axe opens a page of its own beside this one: the context must be one that may have several.
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  page = await context.newPage()
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
})

test.afterAll(async () => {
  await context.close()
  expect(await host.stop()).toBe(0)
})

test.afterEach(() => {
  expect(complaints).toEqual([])
})

/** "Slot 1,204", of the result shown. */
async function slotTold(result: Locator): Promise<string> {
  const told = result.getByText(/^Slot [\d,]+$/)
  await expect(told).toBeVisible()
  return (await told.textContent()) ?? 'none'
}

async function fillSet(key: string, value: string): Promise<void> {
  await page.getByRole('link', { name: 'Submit' }).first().click()
  await page.getByLabel('State machine').selectOption('kv')
  await page.getByLabel('Operation').selectOption('set')
  await page.getByLabel('key', { exact: true }).fill(key)
  await page.getByLabel('value', { exact: true }).fill(value)
}

test('a newcomer founds three replicas on this computer and sees them serve', async () => {
  await page.goto(host.url)
  await expect(page.getByRole('heading', { name: 'Try it on this computer' })).toBeVisible()
  expect(page.url()).not.toContain('token')
  await page.getByRole('button', { name: 'Start three replicas' }).click()
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
  for (const name of ['a', 'b', 'c']) {
    await expect(
      page.getByRole('row').filter({ hasText: `pid` }).getByText(name, { exact: true }).first(),
    ).toBeVisible()
  }
})

test('an Input is submitted, and its slot, votes and majority Output are shown', async () => {
  await fillSet('greeting', '"hello"')
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  const result = page.locator('.submit-result')
  await expect(result.getByText(/[23] of 3 agree/)).toBeVisible()
  await expect(result.getByText(/existed/)).toBeVisible()
  slotFirst = await slotTold(result)
})

test('a retry of the same client and sequence gets the first Output', async () => {
  await page.getByRole('button', { name: 'Retry the same' }).click()
  const result = page.locator('.submit-result')
  await expect(async () => expect(await slotTold(result)).not.toBe(slotFirst)).toPass()
  // `existed: false` was true only of the first execution.
  await expect(result.getByText(/false/).first()).toBeVisible()
})

test('the Votes screen shows three agreeing votes for the slot, and its detail', async () => {
  await page.getByRole('link', { name: 'Votes' }).first().click()
  const row = page.getByRole('row').filter({ has: page.getByRole('button', { name: slotFirst, exact: true }) })
  for (const name of ['a', 'b', 'c']) await expect(row.getByLabel(`${name} agrees`)).toBeVisible()
  await row.getByRole('button', { name: slotFirst, exact: true }).click()
  await expect(
    page.getByRole('complementary', { name: slotFirst, exact: true }).getByText('3 of 3 agree'),
  ).toBeVisible()
})

test('a lying replica is outvoted and shown as the one that dissents', async () => {
  await page.getByRole('link', { name: 'Overview' }).click()
  await page.getByRole('button', { name: 'Actions for replica b' }).click()
  await page.getByRole('menuitem', { name: 'Lie about Outputs' }).click()
  await expect(page.getByText('b lies (injected)', { exact: false }).first()).toBeVisible()
  await fillSet('truth', '42')
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  await expect(page.locator('.submit-result').getByText(/existed/)).toBeVisible()
  await page.getByRole('link', { name: 'Votes' }).first().click()
  await page.getByText('Dissent', { exact: true }).click()
  await expect(page.getByLabel('b dissents').first()).toBeVisible()
  await page
    .getByRole('region', { name: 'Rehearsal' })
    .getByRole('button', { name: /^End now/ })
    .click()
  // An AUDIT may have found it meanwhile: then it is repaired first.
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
})

test('what a machine refuses before ordering is told with what was expected', async () => {
  await page.getByRole('link', { name: 'Submit' }).first().click()
  await page.getByText('JSON', { exact: true }).click()
  await page.getByRole('textbox', { name: 'Input as JSON' }).fill('{"op":"frobnicate"}')
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  await expect(page.getByText(/op must be one of|expected one of/).first()).toBeVisible()
  await page.getByText('Form', { exact: true }).click()
})

for (const theme of ['light', 'dark'] as const) {
  test(`no screen breaks an accessibility rule in ${theme}`, async () => {
    await page.emulateMedia({ colorScheme: theme })
    for (const screen of ['Overview', 'Submit', 'Votes', 'Audit']) {
      await page.getByRole('link', { name: screen }).first().click()
      await expect(page.getByRole('main')).toBeVisible()
      const { violations } = await new AxeBuilder({ page }).analyze()
      expect(violations.map(({ id, nodes }) => ({ screen, id, where: nodes.map(({ html }) => html) }))).toEqual([])
    }
  })
}

test('without a majority the reply is shown as FAIL, with its reason and what to do', async () => {
  for (const name of ['a', 'b']) {
    await page.getByRole('link', { name: 'Overview' }).click()
    await page.getByRole('button', { name: `Actions for replica ${name}` }).click()
    await page.getByRole('menuitem', { name: 'Stop', exact: true }).click()
    const confirm = page.getByRole('button', { name: 'Stop the replica' })
    if (name === 'b') await confirm.click()
    await expect(page.getByRole('row').filter({ hasText: name }).filter({ hasText: 'stopped' }).first()).toBeVisible()
  }
  await expect(page.getByText('No majority: 1 of 3 replicas run').first()).toBeVisible()
  await fillSet('lost', '1')
  await page.getByRole('button', { name: 'Submit', exact: true }).click()
  const result = page.locator('.submit-result')
  await expect(result.getByText('FAIL', { exact: true })).toBeVisible()
  await expect(result.getByText(/Too few Outputs by the deadline/)).toBeVisible()
  await expect(result.getByText(/retry with the same client and sequence is safe/)).toBeVisible()
})

test('started again, the cluster goes on, and the retry takes effect once', async () => {
  for (const name of ['a', 'b']) {
    await page.getByRole('link', { name: 'Overview' }).click()
    await page.getByRole('button', { name: `Actions for replica ${name}` }).click()
    await page.getByRole('menuitem', { name: 'Start', exact: true }).click()
  }
  await expect(page.getByText('Healthy. Can lose 1 of 3.')).toBeVisible({ timeout: 60_000 })
  await page.getByRole('link', { name: 'Submit' }).first().click()
  await page.getByRole('button', { name: 'Retry the same' }).click()
  await expect(page.locator('.submit-result').getByText(/[23] of 3 agree/)).toBeVisible()
})

test('a console with a wrong token is told where to find the right one', async ({ browser }) => {
  const stranger = await browser.newPage()
  await stranger.goto(host.url.replace(/token=.*/, 'token=wrong'))
  await expect(stranger.getByText('The host did not accept this access token')).toBeVisible()
  await stranger.close()
})
