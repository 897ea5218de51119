import { defineConfig } from '@playwright/test'
import { findChromium } from '../runner/chromium.ts'

const executablePath = findChromium()

/** The built console in a real browser, against real replicas. */
export default defineConfig({
  testDir: '.',
  outputDir: './artifacts',
  // Each test starts replicas of its own: more at once would only measure the processor.
  workers: 1,
  timeout: 90_000,
  expect: { timeout: 20_000 },
  reporter: 'list',
  use: {
    viewport: { width: 1280, height: 800 },
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    launchOptions: executablePath === undefined ? {} : { executablePath },
  },
})
