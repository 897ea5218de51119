import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { createConfiguration } from '../../../core/model/configuration.ts'
import type { Configuration } from '../../../core/model/configuration.ts'
import { Configurations } from '../../../core/model/configurations.ts'
import type { ReplicaId } from '../../../core/model/ids.ts'
import { epoch, slot } from '../../../core/model/ids.ts'
import { a, b, c, d, e } from '../../support/members.ts'

function configuration(number: number, ...members: readonly ReplicaId[]): Configuration {
  return createConfiguration(
    epoch(number),
    members.map((replica) => ({ replica, name: replica })),
  )
}

const [first, second, third] = [configuration(1, a, b, c), configuration(2, a, b, c, d), configuration(3, b, c, d)]

describe('configurations', () => {
  it('a change governs from the slot after it, and the slots before stay whose they were', () => {
    const configurations = new Configurations([{ slotFirst: slot(1), configuration: first }])
    configurations.changed(slot(10), second)
    configurations.changed(slot(11), third)
    expect([1, 10, 11, 12, 500].map((number) => configurations.at(slot(number)).epoch)).toEqual([1, 1, 2, 3, 3])
    expect([10, 11, 12].map((number) => configurations.quorumAt(slot(number)).size)).toEqual([2, 3, 2])
    expect(configurations.latest).toBe(third)
    expect([a, b, e].map((replica) => configurations.isMember(replica))).toEqual([false, true, false])
    expect(configurations.others(b)).toEqual([c, d])
    expect(configurations.quorum.isReached([a, b])).toBe(false)
  })

  it('the first that is known stands for what was before it', () => {
    const configurations = new Configurations([{ slotFirst: slot(100), configuration: second }])
    expect(configurations.at(slot(1))).toBe(second)
  })

  it('remembers the newest of many', () => {
    const configurations = new Configurations([{ slotFirst: slot(1), configuration: first }])
    for (let number = 2; number <= 200; number += 1) {
      configurations.changed(slot(10 * number), configuration(number, a, b, c))
    }
    expect(configurations.at(slot(1_995)).epoch).toBe(199)
    expect(configurations.at(slot(2_001)).epoch).toBe(200)
    expect(configurations.at(slot(1)).epoch).toBe(137)
  })

  it('refuses a change that is none, or goes back', () => {
    const configurations = new Configurations([{ slotFirst: slot(5), configuration: second }])
    expect(() => {
      configurations.changed(slot(9), first)
    }).toThrow(InvariantError)
    expect(() => {
      configurations.changed(slot(3), third)
    }).toThrow(InvariantError)
    expect(() => new Configurations([])).toThrow(InvariantError)
  })
})
