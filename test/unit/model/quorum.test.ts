import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../core/base/assert.ts'
import { ballotText, BALLOT_NONE, compareBallots, sameBallot } from '../../../core/model/ballot.ts'
import { createConfiguration, isMember } from '../../../core/model/configuration.ts'
import { epoch, replicaId } from '../../../core/model/ids.ts'
import { Quorum } from '../../../core/model/quorum.ts'
import { a, b, ballotOf, c, configurationOf, d, five, stranger, three } from '../../support/members.ts'

describe('a quorum', () => {
  it('is a majority, and leaves the rest to fail', () => {
    const sizes = [1, 2, 3, 4, 5, 9].map((count) => {
      const ids = Array.from({ length: count }, (_, index) => replicaId(`r${index}`))
      const quorum = new Quorum(configurationOf(...ids))
      return [count, quorum.size, quorum.survivable]
    })
    expect(sizes).toEqual([
      [1, 1, 0],
      [2, 2, 0],
      [3, 2, 1],
      [4, 3, 1],
      [5, 3, 2],
      [9, 5, 4],
    ])
  })

  it('of any configuration shares a member with every other quorum of it', () => {
    for (let count = 1; count <= 9; count += 1) {
      const ids = Array.from({ length: count }, (_, index) => replicaId(`r${index}`))
      const { size } = new Quorum(configurationOf(...ids))
      expect(2 * size).toBeGreaterThan(count)
    }
  })

  it('does not count strangers or repeats', () => {
    const quorum = new Quorum(three)
    const asked = [[], [a], [a, a, a], [a, stranger], [a, stranger, replicaId('x')], [a, b], [c, a, a], [a, b, c]]
    expect(asked.map((replicas) => quorum.isReached(replicas))).toEqual([
      ...[false, false, false, false, false],
      ...[true, true, true],
    ])
  })

  it('reads an iterator only once', () => {
    expect(
      new Quorum(three).isReached(
        new Map([
          [a, 1],
          [b, 2],
        ]).keys(),
      ),
    ).toBe(true)
  })

  it('can still be reached exactly as long as those who agree and those who may yet do so suffice', () => {
    const quorum = new Quorum(five)
    const cases = [
      [0, 5],
      [0, 3],
      [0, 2],
      [1, 2],
      [1, 1],
      [2, 1],
      [2, 0],
      [3, 0],
    ] as const
    expect(cases.map(([agreeing, undecided]) => quorum.isReachable(agreeing, undecided))).toEqual([
      ...[true, true, false, true, false, true, false, true],
    ])
  })
})

describe('a configuration', () => {
  it('puts its members in one order, however they were named', () => {
    expect(configurationOf(c, a, b)).toEqual(configurationOf(a, b, c))
    expect(configurationOf(c, a, b).members.map((member) => member.replica)).toEqual([a, b, c])
  })

  it('leaves the list it was given as it was', () => {
    const members = [c, a].map((replica) => ({ replica, name: replica }))
    createConfiguration(epoch(2), members)
    expect(members.map((member) => member.replica)).toEqual([c, a])
  })

  it('has at least one member and names each once', () => {
    expect(() => configurationOf()).toThrow(InvariantError)
    expect(() => configurationOf(a, b, a)).toThrow(InvariantError)
  })

  it('knows its members from strangers', () => {
    expect([a, c, d, stranger].map((replica) => isMember(three, replica))).toEqual([true, true, false, false])
  })
})

describe('ballots', () => {
  it('are ordered by round first and by proposer only within a round', () => {
    const unordered = [ballotOf(2, a), ballotOf(1, c), ballotOf(10, a), BALLOT_NONE, ballotOf(1, a)]
    expect(unordered.toSorted(compareBallots)).toEqual([
      BALLOT_NONE,
      ballotOf(1, a),
      ballotOf(1, c),
      ballotOf(2, a),
      ballotOf(10, a),
    ])
  })

  it('are one when round and proposer are, and then neither is higher', () => {
    expect([sameBallot(ballotOf(1, a), ballotOf(1, a)), compareBallots(ballotOf(1, a), ballotOf(1, a))]).toEqual([
      true,
      0,
    ])
    expect([sameBallot(ballotOf(1, a), ballotOf(1, b)), sameBallot(ballotOf(1, a), ballotOf(2, a))]).toEqual([
      false,
      false,
    ])
  })

  it('are written with round and proposer', () => {
    expect(ballotText(ballotOf(7, b))).toBe('7.b')
  })
})
