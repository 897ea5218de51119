import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome.exe']
const PLACES = [
  '/usr/bin',
  '/snap/bin',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:/Program Files/Google/Chrome/Application/chrome.exe',
]

export const HOW_TO_GET_CHROMIUM =
  'no Chromium found: run `npx playwright install chromium`, or install your system’s `chromium`, or name one in SYNOD_CHROMIUM'

/**
 * @returns the browser for the tests: what SYNOD_CHROMIUM names, else the system's, else Playwright's own.
 * @throws Error when SYNOD_CHROMIUM names a file that does not exist.
 */
export function findChromium(): string | undefined {
  const named = process.env.SYNOD_CHROMIUM
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) throw new Error(`SYNOD_CHROMIUM names ${named}, which does not exist`)
    return named
  }
  const folders = [...(process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== ''), ...PLACES]
  const candidates = folders.flatMap((folder) => NAMES.map((name) => join(folder, name)))
  return [...candidates, ...PLACES.slice(2), chromium.executablePath()].find((path) => existsSync(path))
}
