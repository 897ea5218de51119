/**
 * State transfer and checkpoints: `npm run bench:transfer`. How it measures stands in docs/benchmarks.md.
 *
 * Exit code: 0 measured; 1 something failed, or requests were refused; 2 an option is wrong; 130 interrupted.
 */
import { lookAtMachine } from '../machine.ts'
import { runProgram } from '../program.ts'
import { readTransferOptions, USAGE } from './options.ts'
import { transferJson, transferText } from './report.ts'
import type { KindResults } from './transfer.ts'
import { measureTransfers } from './transfer.ts'

process.exitCode = await runProgram({
  usage: USAGE,
  read: readTransferOptions,
  perform: async (options, run) => {
    const machine = await lookAtMachine(options.folder)
    const results: KindResults[] = []
    for (const values of options.values) results.push(await measureTransfers(options, values, run))
    console.log(transferText({ options, machine, results }))
    if (options.json) console.log(transferJson({ options, machine, results }))
    return results.every(({ errors }) => errors === 0)
  },
})
