import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import type { ConsoleApi, ConsoleReply, ConsoleRequestName } from '../../../core/api/contract.ts'
import { scenarioSchema } from '../../../core/api/scenario.ts'
import type { OutcomeView } from '../../../core/api/views.ts'
import { unknownNames } from '../../../core/cli/rehearse/cast.ts'
import { Load } from '../../../core/cli/rehearse/load.ts'
import { shippedScenarios } from '../../../core/cli/rehearse/scenario-files.ts'
import { Telling } from '../../../core/cli/rehearse/telling.ts'
import { Stage } from '../../../core/cli/demo/stage.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'
import { World } from './surroundings.ts'

const scenario = v.parse(scenarioSchema, {
  name: 'one',
  title: 'One',
  story: 'A story.',
  steps: [{ atMs: 1, do: 'inject', fault: { kind: 'kill', replica: 'leader' } }],
  expect: [{ what: 'no-wrong-reply' }, { what: 'served-again', withinMs: 10 }],
})

describe('the shipped scenarios', () => {
  it('are five, named once each, and name only replicas of a cluster of three', async () => {
    const shipped = await shippedScenarios()
    expect(shipped.map(({ name }) => name)).toEqual([
      'leader-killed',
      'one-way-partition',
      'liar',
      'flipped-byte',
      'bad-disks',
    ])
    expect(shipped.flatMap(unknownNames)).toEqual([])
    // Whatever else is to be seen: never a wrong reply, and all level in the end.
    for (const { expect: expected } of shipped) {
      expect(expected.map(({ what }) => what)).toEqual(expect.arrayContaining(['no-wrong-reply', 'all-level']))
    }
  })
})

describe('a scenario', () => {
  it('names what is no replica', () => {
    const steps = [
      { atMs: 0, do: 'stop' as const, replica: 'z' },
      { atMs: 0, do: 'stop' as const, replica: 'leader-now' },
    ]
    expect(unknownNames({ steps, expect: [{ what: 'replica-back', replica: 'follower-9', withinMs: 1 }] })).toEqual([
      'z',
      'follower-9',
    ])
  })

  it.each([
    ['is not there', undefined, /can't be read/],
    ['is not JSON', '{', /is not JSON/],
    ['has a step nobody knows', { ...scenario, steps: [{ atMs: 1, do: 'explode' }] }, /steps\.0\.do/],
    [
      'names a replica that is not there',
      { ...scenario, steps: [{ atMs: 1, do: 'stop', replica: 'z' }] },
      /names z; there/,
    ],
    ['has no steps', { ...scenario, steps: [] }, /steps/],
    ['expects nothing', { ...scenario, expect: [] }, /expect/],
    [
      'has a fault out of bounds',
      { ...scenario, steps: [{ ...scenario.steps[0], durationMs: 600_001 }] },
      /durationMs/,
    ],
  ])('that %s is refused with the place, before anything is started', async (_, content, expected) => {
    const file = path.join(await temporaryFolder(), 'scenario.json')
    if (content !== undefined) await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
    const world = new World()
    expect(await world.run('rehearse', file)).toBe(2)
    expect(world.said.error).toMatch(expected)
  })
})

describe('synod rehearse', () => {
  it('lists the shipped scenarios', async () => {
    const world = new World()
    expect(await world.run('rehearse', '--list', '--json')).toBe(0)
    expect(world.json()).toMatchObject({ scenarios: [{ name: 'leader-killed' }, {}, {}, {}, {}] })
  })

  it('without a scenario says what to name', async () => {
    const world = new World()
    expect(await world.run('rehearse')).toBe(2)
    expect(world.said.error).toContain('--all')
  })
})

describe('what is told', () => {
  const requests = { replies: 1, longestGapMs: 3 }
  const sights = (seen: boolean) => scenario.expect.map((expectation) => ({ expectation, seen, detail: 'so' }))

  it('ends with one plain line: everything was seen', () => {
    let out = ''
    const telling = new Telling({ write: (text) => (out += text), json: false })
    telling.end(scenario, { sights: sights(true), problems: [], requests })
    expect(telling.conclude()).toBe(true)
    expect(out.trim().split('\n').at(-1)).toMatch(/^Everything was seen: 1 scenario, 2 expectations, in [\d.]+ s\.$/)
  })

  it('or names what was not seen, and what could not be done', () => {
    let out = ''
    const telling = new Telling({ write: (text) => (out += text), json: false })
    telling.end(scenario, { sights: sights(false), problems: ['step at 1 ms, audit: no'], requests })
    expect(telling.conclude()).toBe(false)
    expect(out.trim().split('\n').at(-1)).toBe(
      'Not seen: one: step at 1 ms, audit: no; one: no-wrong-reply (so); one: served-again (so).',
    )
  })

  it('is not done when nothing was played', () => {
    expect(new Telling({ write: () => undefined, json: true }).conclude()).toBe(false)
  })
})

/** A cluster in memory that counts, unless the test makes it answer something else. */
async function stageOf(
  answer: (value: unknown, name: ConsoleRequestName) => ConsoleReply<OutcomeView>,
): Promise<Stage> {
  const counters = new Map<string, number>()
  const request = (name: ConsoleRequestName, argument: unknown): Promise<ConsoleReply<unknown>> => {
    const { input } = v.parse(v.object({ input: v.object({ op: v.string(), key: v.string() }) }), argument)
    const next = (counters.get(input.key) ?? 0) + (input.op === 'increment' ? 1 : 0)
    counters.set(input.key, next)
    return Promise.resolve(answer(input.op === 'increment' ? { value: next } : { value: next, found: true }, name))
  }
  const api = { request, subscribe: () => () => undefined } as ConsoleApi
  const stage = new Stage(() => Promise.resolve({ api, dataFolder: '', close: () => Promise.resolve() }))
  await stage.open()
  return stage
}

const output = (value: unknown): ConsoleReply<OutcomeView> => ({
  ok: true,
  value: { kind: 'output', slot: 1, output: { ok: true, value }, votes: [] },
})

async function loadOn(stage: Stage, replies: number): Promise<Load> {
  const load = new Load(stage)
  load.start(1)
  await expect.poll(() => load.replies + load.wrong.count + load.failed.count).toBeGreaterThan(replies)
  await load.stop()
  await load.verify()
  return load
}

describe('the load', () => {
  it('knows a right reply', async () => {
    const load = await loadOn(await stageOf(output), 30)
    expect([load.wrong.count, load.failed.count, load.replies > 30]).toEqual([0, 0, true])
  })

  it('knows a wrong reply, to an increment and to a read', async () => {
    for (const wrong of ['cluster.submit', 'cluster.read']) {
      let asked = 0
      const stage = await stageOf((value, name) => output(name === wrong && (asked += 1) === 3 ? { value: 0 } : value))
      const load = await loadOn(stage, 30)
      expect(load.wrong.count).toBeGreaterThan(0)
      expect(load.wrong.told[0]).toContain('gave {"value":0}')
    }
  })

  it('finds in the end what was acknowledged and is lost', async () => {
    let isOver = false
    const stage = await stageOf((value, name) =>
      output(isOver && name === 'cluster.read' ? { value: 0, found: true } : value),
    )
    const load = new Load(stage)
    load.start(1)
    await expect.poll(() => load.replies).toBeGreaterThan(10)
    await load.stop()
    isOver = true
    expect(load.wrong.count).toBe(0)
    await load.verify()
    expect(load.wrong.count).toBeGreaterThan(0)
  })

  it('counts a FAIL and a refusal as failed, "busy" as nothing', async () => {
    let asked = 0
    const fail: ConsoleReply<OutcomeView> = {
      ok: true,
      value: { kind: 'fail', reason: 'no-majority', message: 'FAIL here', slot: null, votes: [] },
    }
    const refused = (code: string): ConsoleReply<OutcomeView> => ({ ok: false, fault: { code, message: 'no' } })
    const answers = [undefined, fail, refused('BUSY'), refused('CLUSTER_STOPPED')]
    const load = await loadOn(await stageOf((value) => answers[(asked += 1)] ?? output(value)), 30)
    expect([load.failed.count, load.failed.told]).toEqual([2, ['FAIL here', 'CLUSTER_STOPPED: no']])
  })
})
