/**
 * Who may import whom, as data. ESLint's rule `synod/layers` (eslint.config.ts) and layers.test.ts read this table;
 * a change of the architecture is a change of this file, with its reason in docs/adr/.
 */

/** Ranks 0-4: no I/O, clock or randomness. Each room's line says what it may import beside itself. */
const PURE = {
  base: [],
  model: ['base'],
  wire: ['base', 'model'],
  api: ['base', 'model'],
  state: ['base', 'model'],
  machine: ['base', 'model', 'state'],
  ordering: ['base', 'model', 'wire'],
  log: ['base', 'model', 'wire'],
  execution: ['base', 'model', 'wire', 'state', 'machine'],
  output: ['base', 'model', 'wire'],
  /** It hashes the State anew. */
  audit: ['base', 'model', 'wire', 'state'],
  /** It compares and puts together States. */
  checkpoint: ['base', 'model', 'wire', 'state'],
  membership: ['base', 'model', 'wire'],
  /** A checkpoint store is given a State, and gives one back. */
  ports: ['base', 'model', 'wire', 'state'],
  replica: [
    ...['base', 'model', 'wire', 'state', 'machine', 'ports'],
    ...['ordering', 'log', 'execution', 'output', 'audit', 'checkpoint', 'membership'],
  ],
} as const

const ADAPTERS = ['transport', 'storage', 'crypto', 'trace'] as const
const VOCABULARY = ['base', 'model', 'wire', 'state', 'machine', 'ports'] as const

/** Ranks 5-8: they touch the world. */
const WORLDLY = {
  transport: VOCABULARY,
  storage: VOCABULARY,
  crypto: VOCABULARY,
  trace: VOCABULARY,
  /** The replica process puts the adapters and the pure replica together, so it knows both. */
  host: [...VOCABULARY, ...ADAPTERS, 'api', 'replica'],
  supervisor: [...VOCABULARY, ...ADAPTERS, 'api', 'replica', 'host'],
  client: ['base', 'model', 'api'],
  gateway: [...VOCABULARY, 'crypto', 'trace', 'api', 'supervisor'],
  /** What a shell needs: a host, and the doors for programs beside it. */
  index: ['base', 'model', 'ports', 'api', 'supervisor', 'gateway'],
  cli: [...VOCABULARY, 'crypto', 'trace', 'api', 'supervisor', 'gateway', 'client', 'index'],
  electron: ['api', 'index'],
  renderer: ['api', 'model'],
} as const

export type Room = keyof typeof PURE | keyof typeof WORLDLY

export const MAY_IMPORT: Readonly<Record<Room, readonly string[]>> = { ...PURE, ...WORLDLY }
export const PURE_ROOMS: readonly string[] = Object.keys(PURE)

/** Single files that may look further than their room. */
export const FILE_EXCEPTIONS: readonly { readonly from: string; readonly to: string; readonly reason: string }[] = [
  {
    from: 'electron/replica-process.ts',
    to: 'core/host/replica-process.ts',
    reason: 'the entry of the utility process runs a replica, not a host',
  },
  {
    from: 'electron/utility-launcher.ts',
    to: 'core/supervisor/launcher.ts',
    reason: 'implements this port over utilityProcess',
  },
]

/** Packages that live in some rooms only; what is not listed may be used by every room that is not pure. */
export const PACKAGE_ROOMS: readonly { readonly pattern: RegExp; readonly rooms: readonly string[] }[] = [
  { pattern: /^(libp2p|@libp2p\/.*|@multiformats\/.*|it-.*)$/, rooms: ['transport', 'crypto'] },
  { pattern: /^nedb-promises$/, rooms: ['storage'] },
  { pattern: /^(fastify|@fastify\/.*)$/, rooms: ['gateway'] },
  { pattern: /^commander$/, rooms: ['cli'] },
  { pattern: /^electron$/, rooms: ['electron'] },
  { pattern: /^(vue|vue-router|pinia|reka-ui|uplot|@lucide\/vue|@fontsource.*)(\/.*)?$/, rooms: ['renderer'] },
]

/** What a pure room and the renderer may take from npm: libraries without I/O. */
const PURE_PACKAGES = /^(valibot|@valibot\/to-json-schema|cborg|uint8arraylist)(\/.*)?$/

/** @returns the room of a file, by its path from the repository's root; undefined outside the house plan. */
export function roomOf(path: string): Room | undefined {
  const [top, second] = path.split('/')
  if (top === 'electron' || top === 'renderer') return top
  if (top !== 'core' || second === undefined) return undefined
  const name = second === 'index.ts' ? 'index' : second
  return isRoom(name) ? name : undefined
}

function isRoom(name: string): name is Room {
  return name in MAY_IMPORT
}

/**
 * @param from path of the importing file from the repository's root, with `/`
 * @param specifier as written in the import
 * @returns why the import is refused; undefined when it is allowed
 */
export function importRefusal(from: string, specifier: string): string | undefined {
  const room = roomOf(from)
  if (room === undefined) return from.startsWith('core/') ? `${from} lies in no room of the house plan` : undefined
  return specifier.startsWith('.') ? relativeRefusal(from, room, specifier) : packageRefusal(room, specifier)
}

function relativeRefusal(from: string, room: Room, specifier: string): string | undefined {
  const to = resolveRelative(from, specifier)
  const target = roomOf(to)
  if (target === room) return undefined
  if (FILE_EXCEPTIONS.some((exception) => exception.from === from && exception.to === to)) return undefined
  if (target === undefined) return isProjectFile(to) ? `${room} may not import ${to}: it lies in no room` : undefined
  if (MAY_IMPORT[room].includes(target)) return undefined
  const allowed = MAY_IMPORT[room].join(', ')
  return `${room} may not import ${target}: it may import ${allowed === '' ? 'nothing' : allowed}`
}

/** Assets and configuration (`package.json`, styles) are nobody's layer. */
function isProjectFile(path: string): boolean {
  return /\.(ts|vue|js)$/.test(path)
}

function packageRefusal(room: Room, specifier: string): string | undefined {
  if (room !== 'renderer' && specifier.startsWith('node:')) {
    return PURE_ROOMS.includes(room) ? `${room} is pure: ${specifier} belongs in an adapter, behind a port` : undefined
  }
  const owned = PACKAGE_ROOMS.find(({ pattern }) => pattern.test(specifier))
  if (owned !== undefined) {
    return owned.rooms.includes(room) ? undefined : `${specifier} lives only in ${owned.rooms.join(', ')}`
  }
  const restricted = PURE_ROOMS.includes(room) || room === 'renderer'
  return restricted && !PURE_PACKAGES.test(specifier)
    ? `${room} may not import ${specifier}: it is not a listed library`
    : undefined
}

function resolveRelative(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const step of specifier.split('/')) {
    if (step === '..') parts.pop()
    else if (step !== '.') parts.push(step)
  }
  return parts.join('/')
}
