import { serialize } from 'node:v8'
import { expect, it } from 'vitest'
import type { ReplicaMessage } from '../../../core/host/protocol.ts'
import { createTell } from '../../../core/host/telling.ts'
import type { Reply } from '../../../core/replica/effects.ts'
import { accepted } from '../../../core/model/output.ts'
import type { CanonicalValue } from '../../../core/model/canonical.ts'
import { slot } from '../../../core/model/ids.ts'

/** As the line of a forked process does: what can't be serialized throws. */
function line(): { readonly said: ReplicaMessage[]; readonly send: (message: ReplicaMessage) => void } {
  const said: ReplicaMessage[] = []
  return {
    said,
    send: (message) => {
      serialize(message)
      said.push(message)
    },
  }
}

function tooDeep(): CanonicalValue {
  let value: CanonicalValue = 0
  for (let level = 0; level < 100_000; level += 1) value = [value]
  return value
}

const replyOf = (value: CanonicalValue): Reply => ({ kind: 'stale', slot: slot(1), output: accepted(value) })

it('what can’t be carried to the host is told of as trouble, and a query is answered', () => {
  const { said, send } = line()
  const tell = createTell(send)
  tell({ kind: 'trace', event: 'x', fields: { deep: tooDeep() } })
  expect(said.map(({ kind }) => kind)).toEqual(['trouble'])
  const outputs = [accepted(tooDeep())]
  const logged = { slot: 1, ballot: undefined, value: new Uint8Array(), outputs }
  tell({ kind: 'log', query: 7, slotFirst: 1, slotDecided: 1, slots: [logged] })
  expect(said.slice(1)).toMatchObject([{ kind: 'query-failed', query: 7 }, { kind: 'trouble' }])
})

it('of several replies those that can be carried are', () => {
  const { said, send } = line()
  const replies = [replyOf(1), replyOf(tooDeep()), replyOf(3)].map((reply, request) => ({ request, reply }))
  createTell(send)({ kind: 'replies', replies })
  expect(said.map((message) => (message.kind === 'replies' ? message.replies[0]?.request : message.kind))).toEqual([
    ...[0, 'trouble', 2],
  ])
})

it('a line that is gone throws nothing', () => {
  const tell = createTell(() => {
    throw new Error('closed')
  })
  expect(() => {
    tell({ kind: 'trouble', message: 'x' })
  }).not.toThrow()
})
