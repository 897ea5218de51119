/**
 * What a long life takes of memory and disk: `npm run bench:soak`. How it measures stands in docs/benchmarks.md.
 *
 * Exit code: 0 the bounds held; 1 they did not, or something failed; 2 an option is wrong; 130 interrupted.
 */
import { lookAtMachine } from '../machine.ts'
import { runProgram } from '../program.ts'
import { readSoakOptions, USAGE } from './options.ts'
import { soakJson, soakText } from './report.ts'
import { soak } from './soak.ts'

process.exitCode = await runProgram({
  usage: USAGE,
  read: readSoakOptions,
  perform: async (options, run) => {
    const machine = await lookAtMachine(options.folder)
    const results = await soak(options, run)
    console.log(soakText({ options, machine, results }))
    if (options.json) console.log(soakJson({ options, machine, results }))
    return results.isWithinBounds
  },
})
