import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { EXIT } from '../../../core/cli/exit-codes.ts'
import { FAULT_KINDS } from '../../../core/cli/inject.ts'
import { openDoors } from '../../../core/gateway/doors.ts'
import { readToken } from '../../../core/gateway/tokens.ts'
import { readEndpoint } from '../../../core/gateway/endpoint.ts'
import { traceNothing } from '../../../core/ports/trace.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { StubHost, fault, ok } from '../gateway/stub-host.ts'
import { World } from './surroundings.ts'

let data: string
let host: StubHost
let world: World
let close: () => Promise<unknown>

/** The stub host behind the real gateway, on a real port. */
beforeEach(async () => {
  data = await temporaryFolder()
  host = new StubHost()
  world = new World()
  const doors = await openDoors({ api: host, dataFolder: data, port: 0, trace: traceNothing })
  close = () => doors.close()
})

afterEach(() => close())

const DELAY = { kind: 'delay', from: 'a', to: 'c', bothWays: false, byMs: 200 } as const
const INJECTED = {
  number: 4,
  fault: DELAY,
  text: 'what a sends to c comes 200 ms later',
  startedMs: 1_000,
  endedMs: null,
}

function run(...words: readonly string[]): Promise<number> {
  return world.run(...words, '--data', data)
}

describe('synod inject', () => {
  it('injects, and says how it ends', async () => {
    host.on('cluster.inject', () => ok({ ...INJECTED, endsMs: 6_000 }))
    expect(await run('inject', 'delay', '--from', 'a', '--to', 'c', '--by', '200', '--duration', '5000')).toBe(
      EXIT.done,
    )
    expect(host.calls.at(-1)).toEqual({
      name: 'cluster.inject',
      argument: { cluster: 'c1', fault: DELAY, durationMs: 5_000 },
    })
    expect(world.said.out).toBe(
      'Injected fault 4: what a sends to c comes 200 ms later. It ends by itself in 5 s, or with: npx synod heal 4\n',
    )
  })

  it('passes on what each kind takes', async () => {
    host.on('cluster.inject', () => ok({ ...INJECTED, endsMs: null }))
    const asked: unknown[] = []
    for (const words of [
      ['lie', '--replica', 'b', '--how', 'sometimes'],
      ['drop', '--from', 'a', '--to', 'b', '--part', '0.3', '--both-ways'],
      ['clock-skew', '--replica', 'a', '--by', '-5000'],
      ['flip-byte', '--replica', 'c', '--key', 'kv/entry/k'],
    ]) {
      expect(await run('inject', ...words)).toBe(EXIT.done)
      asked.push(Reflect.get(host.calls.at(-1)?.argument ?? {}, 'fault'))
    }
    expect(asked).toEqual([
      { kind: 'lie', replica: 'b', how: 'sometimes' },
      { kind: 'drop', from: 'a', to: 'b', part: 0.3, bothWays: true },
      { kind: 'clock-skew', replica: 'a', byMs: -5_000 },
      { kind: 'flip-byte', replica: 'c', key: 'kv/entry/k' },
    ])
  })

  it('refuses what is no fault', async () => {
    expect(FAULT_KINDS).toHaveLength(13)
    expect(await run('inject', 'explode')).toBe(EXIT.wrongArguments)
    expect(world.said.error).toContain('partition')
    expect(await run('inject', 'drop', '--from', 'a', '--to', 'b', '--part', '2')).toBe(EXIT.wrongArguments)
    expect(await run('inject', 'drop', '--from', 'a', '--to', 'b')).toBe(EXIT.wrongArguments)
    expect(host.calls.filter(({ name }) => name === 'cluster.inject')).toEqual([])
  })

  it('ends with 2 where rehearsal is off', async () => {
    host.on('cluster.inject', () => fault('REHEARSAL_OFF', 'Not here.'))
    expect(await run('inject', 'kill', '--replica', 'a')).toBe(EXIT.wrongArguments)
    expect(world.said.error).toContain('Not here.')
  })
})

describe('synod heal', () => {
  it.each([
    [['7'], { cluster: 'c1', number: 7 }, 'Injected fault 7 ended.\n'],
    [[], { cluster: 'c1' }, 'No injected fault is active.\n'],
  ])('with %j ends what was asked for', async (words, argument, said) => {
    host.on('cluster.heal', () => ok({}))
    expect(await run('heal', ...words)).toBe(EXIT.done)
    expect([host.calls.at(-1)?.argument, world.said.out]).toEqual([argument, said])
  })

  it('of a fault that was never injected ends with 2', async () => {
    host.on('cluster.heal', () => fault('FAULT_UNKNOWN', 'No such fault.'))
    expect(await run('heal', '9')).toBe(EXIT.wrongArguments)
  })
})

describe('GET /v1/faults', () => {
  it('tells what was injected, newest first', async () => {
    host.on('cluster.injected', () => ok({ injected: [{ ...INJECTED, endsMs: 6_000 }] }))
    const { url = '' } = (await readEndpoint(data)) ?? {}
    const headers = { authorization: `Bearer ${await readToken(data)}` }
    const answer = await fetch(`${url}/v1/faults?limit=3`, { headers })
    expect([answer.status, await answer.json()]).toEqual([
      200,
      { cluster: 'demo', injected: [{ ...INJECTED, endsMs: 6_000 }] },
    ])
    expect(host.calls.at(-1)?.argument).toEqual({ cluster: 'c1', limit: 3 })
    expect((await fetch(`${url}/v1/faults?limit=501`, { headers })).status).toBe(400)
  })
})
