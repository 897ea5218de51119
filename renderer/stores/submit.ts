import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { ConsoleFault, ConsoleReply } from '../../core/api/contract.ts'
import type { OutcomeView } from '../../core/api/views.ts'
import { bridge } from '../bridge.ts'

/** How many sent Inputs and reads are kept. */
export const HISTORY_MAX = 50

/** What is sent: an Input to be ordered, or one of two reads. */
export type SendKind = 'submit' | 'linearizable' | 'stale'

export interface Sending {
  readonly kind: SendKind
  readonly cluster: string
  readonly machine: string
  readonly input: unknown
  /** Named by (client, sequence) when submitted; reads have no name. */
  readonly client: string
  readonly sequence: number
}

export interface Sent extends Sending {
  readonly number: number
  readonly sentMs: number
  /** From sending to the answer, as this console saw it. Unit: ms. */
  readonly tookMs: number | null
  readonly result: SentResult
}

/** What the result of something sent is shown with. */
export interface SentShown extends Pick<Sent, 'machine' | 'input' | 'tookMs' | 'result'> {
  readonly kind: SendKind | 'checkpoint' | 'audit'
}

export type SentResult =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'outcome'; readonly outcome: OutcomeView }
  | { readonly kind: 'refused'; readonly fault: ConsoleFault }

const STORED_CLIENT = 'synod.client'
const STORED_SEQUENCE = 'synod.sequence'

/** What was sent from this window. */
export const useSubmitStore = defineStore('submit', () => {
  const client = ref(storedClient())
  /** The sequence the next Input gets. */
  const sequence = ref(storedSequence())
  const history = shallowRef<readonly Sent[]>([])
  const shownNumber = ref<number | null>(null)
  let numbers = 0

  const shown = computed(() => history.value.find(({ number }) => number === shownNumber.value) ?? null)
  const lastSubmitted = computed(() => history.value.find(({ kind }) => kind === 'submit') ?? null)
  const isWaiting = computed(() => history.value.some(({ result }) => result.kind === 'waiting'))

  /** Sends, and moves the sequence past the one used, so that the next Input is a new one. */
  async function send(sending: Sending): Promise<void> {
    numbers += 1
    const number = numbers
    const sent: Sent = { ...sending, number, sentMs: Date.now(), tookMs: null, result: { kind: 'waiting' } }
    history.value = [sent, ...history.value].slice(0, HISTORY_MAX)
    shownNumber.value = number
    if (sending.kind === 'submit') advance(sending)
    const started = performance.now()
    const reply = await ask(sending)
    settle({ ...sent, tookMs: performance.now() - started, result: resultOf(reply) })
  }

  function advance(used: Sending): void {
    if (used.client === client.value && used.sequence >= sequence.value) setSequence(used.sequence + 1)
  }

  function setSequence(next: number): void {
    sequence.value = next
    window.sessionStorage.setItem(STORED_SEQUENCE, String(next))
  }

  function setClient(next: string): void {
    client.value = next
    window.sessionStorage.setItem(STORED_CLIENT, next)
  }

  function settle(settled: Sent): void {
    history.value = history.value.map((one) => (one.number === settled.number ? settled : one))
  }

  function show(number: number): void {
    shownNumber.value = number
  }

  function clear(): void {
    history.value = history.value.filter(({ result }) => result.kind === 'waiting')
    shownNumber.value = null
  }

  return {
    client,
    sequence,
    history,
    shownNumber,
    shown,
    lastSubmitted,
    isWaiting,
    send,
    setClient,
    setSequence,
    show,
    clear,
  }
})

function ask(sending: Sending): Promise<ConsoleReply<OutcomeView>> {
  const { kind, cluster, machine, input, client, sequence } = sending
  return kind === 'submit'
    ? bridge.request('cluster.submit', { cluster, client, sequence, machine, input })
    : bridge.request('cluster.read', { cluster, machine, input, consistency: kind })
}

export function resultOf(reply: ConsoleReply<OutcomeView>): SentResult {
  return reply.ok ? { kind: 'outcome', outcome: reply.value } : { kind: 'refused', fault: reply.fault }
}

/** One client a browser session: a reload goes on with the same name and sequence. */
function storedClient(): string {
  const stored = window.sessionStorage.getItem(STORED_CLIENT)
  if (stored !== null && stored !== '') return stored
  const random = [...crypto.getRandomValues(new Uint8Array(4))].map((byte) => byte.toString(16).padStart(2, '0'))
  const fresh = `console-${random.join('')}`
  window.sessionStorage.setItem(STORED_CLIENT, fresh)
  return fresh
}

function storedSequence(): number {
  const stored = Number(window.sessionStorage.getItem(STORED_SEQUENCE))
  return Number.isSafeInteger(stored) && stored >= 1 ? stored : 1
}
