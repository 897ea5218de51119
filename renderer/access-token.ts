const STORED = 'synod.token'
const IN_FRAGMENT = /#token=([^&\s]+)/

/** The token of this tab: from the address if it carries one (and then taken out of it), else the one kept before. */
export function takeAccessToken(): string | null {
  const found = tokenOf(window.location.hash)
  if (found === null) return window.sessionStorage.getItem(STORED)
  keepAccessToken(found)
  window.history.replaceState(null, '', `${window.location.pathname}${window.location.search}#/`)
  return found
}

/** Kept for this tab only, so that a reload need not ask again. */
export function keepAccessToken(token: string): void {
  window.sessionStorage.setItem(STORED, token)
}

/** Reads a token out of a whole address, a fragment, or the token itself. */
export function tokenFrom(pasted: string): string | null {
  const trimmed = pasted.trim()
  return tokenOf(trimmed) ?? (/^[^\s#/:]+$/.test(trimmed) ? trimmed : null)
}

/** True for an address that brings a token while the console is already open. */
export function carriesToken(fragment: string): boolean {
  return tokenOf(fragment) !== null
}

function tokenOf(text: string): string | null {
  const found = IN_FRAGMENT.exec(text)?.[1]
  return found === undefined ? null : decodeURIComponent(found)
}
