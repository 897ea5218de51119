/** The page's own scheme: with `file:` gone, no page can reach for files, and its origin can be checked. */
export const CONSOLE_SCHEME = 'app'
const CONSOLE_HOST = 'console'
export const CONSOLE_URL = `${CONSOLE_SCHEME}://${CONSOLE_HOST}/index.html`

/** Whether an address is one of the console's own pages. */
export function isConsoleUrl(address: string): boolean {
  const url = URL.canParse(address) ? new URL(address) : undefined
  return url?.protocol === `${CONSOLE_SCHEME}:` && url.host === CONSOLE_HOST
}
