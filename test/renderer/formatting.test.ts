import { describe, expect, it } from 'vitest'
import { consequenceOf } from '../../renderer/formatting/consequence.ts'
import { DIGEST_TINTS, digestShort, digestTint } from '../../renderer/formatting/digest.ts'
import { inputSummary, outputSummary } from '../../renderer/formatting/input.ts'
import { formatBytes, formatCount, formatSpan } from '../../renderer/formatting/number.ts'
import { formatAge, formatSince } from '../../renderer/formatting/time.ts'
import { votesRows, worstSign } from '../../renderer/formatting/votes.ts'
import { clusterView, inputVotes, replicaView, slotVotes } from './views.ts'

describe('numbers and times', () => {
  it('groups counts and gives sizes and spans three figures and a unit', () => {
    expect([formatCount(4812), formatBytes(812), formatBytes(1_240_000), formatBytes(45_600_000_000)]).toEqual([
      '4,812',
      '812 B',
      '1.24 MB',
      '45.6 GB',
    ])
    expect([formatSpan(0.42), formatSpan(12.4), formatSpan(1310)]).toEqual(['0.4 ms', '12 ms', '1.3 s'])
  })

  it('never shows a size that rounds up to the next unit', () => {
    expect([formatBytes(999), formatBytes(999_600), formatBytes(99_960)]).toEqual(['999 B', '1.00 MB', '100 kB'])
  })

  it('tells ages in their largest fitting unit, and a clock ahead of this one as now', () => {
    expect([formatAge(59_999), formatAge(61_000), formatAge(7_200_000), formatAge(172_800_000)]).toEqual([
      '59 s',
      '1 min',
      '2 h',
      '2 d',
    ])
    expect([formatSince(5000, 1000), formatSince(1000, 13_000)]).toEqual(['now', '12 s ago'])
  })
})

describe('digests', () => {
  it('shows six digits and gives equal digests one of the tints there are', () => {
    const digest = 'a85612ff'.repeat(8)
    expect(digestShort(digest)).toBe('a85612')
    expect(digestTint(digest)).toBe(digestTint('a85612'))
    expect(digestTint(digest)).toBeLessThan(DIGEST_TINTS)
  })
})

describe('Inputs and Outputs in one line', () => {
  it('puts the operation first and names the fields', () => {
    expect(inputSummary({ op: 'set', key: 'x', value: [1] })).toBe('set key: "x", value: [1]')
    expect(inputSummary('text')).toBe('"text"')
  })

  it('cuts what is too long, and shows a refusal by its code', () => {
    expect(inputSummary({ op: 'set', value: 'y'.repeat(500) })).toHaveLength(161)
    expect(outputSummary({ ok: false, error: { code: 'OVERDRAFT', message: 'too little' } })).toBe('OVERDRAFT')
  })
})

describe('rows of votes', () => {
  it('shows a replica by the worst of its signs in a slot', () => {
    expect(worstSign(['agrees', 'none', 'dissents'])).toBe('dissents')
    expect(worstSign(['agrees', 'none'])).toBe('none')
  })

  it('keeps one row an Input, one for an empty slot, and stops at the bound', () => {
    const slots = [slotVotes(3, '+++', '++x'), slotVotes(2), slotVotes(1, '+++')]
    expect(votesRows(slots, 'all', 10).map(({ key }) => key)).toEqual(['3/0', '3/1', '2', '1/0'])
    expect(votesRows(slots, 'all', 2).map(({ key }) => key)).toEqual(['3/0', '3/1'])
  })

  it('says how many Inputs of a slot were not sent along', () => {
    const rows = votesRows([{ ...slotVotes(3, '+++'), inputCount: 40 }], 'all', 10)
    expect(rows.map(({ key, more }) => [key, more])).toEqual([
      ['3/0', 0],
      ['3', 39],
    ])
  })

  it('filters by dissent and by FAIL', () => {
    const failed = { ...slotVotes(4, '???'), inputs: [inputVotes('???', { failed: 'no-majority', output: null })] }
    const slots = [failed, slotVotes(3, '+++', '++x'), slotVotes(2)]
    expect(votesRows(slots, 'dissent', 10).map(({ key }) => key)).toEqual(['3/1'])
    expect(votesRows(slots, 'fail', 10).map(({ key }) => key)).toEqual(['4/0'])
  })
})

describe('consequences', () => {
  const [a, b, c] = [replicaView('a'), replicaView('b'), replicaView('c', { process: 'stopped' })]

  it('asks before a stop or a kill that costs the quorum, and not before one that does not', () => {
    const whole = clusterView()
    const short = clusterView({ replicas: [a, b, c] })
    expect(consequenceOf('stop', whole, a)).toBeNull()
    expect(consequenceOf('stop', short, a)?.body).toContain('1 of the 2 members needed')
    expect(consequenceOf('kill', short, b)?.title).toBe('Kill the process of replica b?')
    expect(consequenceOf('start', short, c)).toBeNull()
  })

  it('asks before a lie that leaves no truthful majority', () => {
    const liar = replicaView('b', { faults: ['lie'] })
    expect(consequenceOf('lie', clusterView(), a)).toBeNull()
    expect(consequenceOf('lie', clusterView({ replicas: [a, liar, replicaView('c')] }), a)?.body).toContain(
      '1 truthful member ',
    )
    expect(consequenceOf('disable-auditor', clusterView({ replicas: [a, liar, c] }), a)).toBeNull()
  })

  it('asks before a byte is flipped that leaves no sound majority, those in quarantine left out', () => {
    const away = replicaView('b', { quarantined: true })
    const short = clusterView({ replicas: [a, away, replicaView('c')] })
    expect(consequenceOf('flip-byte', clusterView(), a)).toBeNull()
    expect(consequenceOf('flip-byte', short, a)?.body).toContain('1 sound member ')
  })

  it('asks before a pause or a disk that costs the quorum', () => {
    const short = clusterView({ replicas: [a, b, c] })
    expect(consequenceOf('pause', clusterView(), a)).toBeNull()
    expect(consequenceOf('pause', short, a)?.body).toContain('1 of the 2 members needed')
    expect(consequenceOf('disk-full', short, a)?.title).toBe('Take the disk from replica a?')
  })

  it('always asks before a repair, and says what the cluster survives meanwhile', () => {
    expect(consequenceOf('repair', clusterView(), a)?.body).toContain('requests go on, and no other may fail')
    const five = clusterView({ quorum: 3, replicas: ['a', 'b', 'c', 'd', 'e'].map((name) => replicaView(name)) })
    expect(consequenceOf('repair', five, a)?.body).toContain('1 more may fail')
    const away = replicaView('b', { quarantined: true })
    const short = clusterView({ replicas: [a, away, replicaView('c')] })
    expect(consequenceOf('repair', short, a)?.body).toContain('1 of the 2 members needed')
    expect(consequenceOf('repair', short, away)?.body).toContain('requests go on')
  })
})
