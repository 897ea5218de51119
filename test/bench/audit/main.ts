/**
 * What AUDITs cost, and whether they find what they are there for: `npm run bench:audit`. How it measures stands in
 * docs/benchmarks.md.
 *
 * Exit code: 0 measured, and each flipped byte was found and repaired; 1 something failed, or requests were refused;
 * 2 an option is wrong; 130 interrupted.
 */
import { lookAtMachine } from '../machine.ts'
import { runProgram } from '../program.ts'
import { measureCost } from './cost.ts'
import { isFlawless, measureDetection } from './detection.ts'
import { USAGE, readAuditOptions } from './options.ts'
import { auditJson, auditText } from './report.ts'

process.exitCode = await runProgram({
  usage: USAGE,
  read: readAuditOptions,
  perform: async (options, run) => {
    const machine = await lookAtMachine(options.folder)
    const cost = options.rounds === 0 ? undefined : await measureCost(options, run)
    const detection = options.flips === 0 ? undefined : await measureDetection(options, run)
    console.log(auditText({ options, machine, cost, detection }))
    if (options.json) console.log(auditJson({ options, machine, cost, detection }))
    const isAnswered = cost === undefined || [...cost.audited, ...cost.plain].every(({ errors }) => errors === 0)
    return isAnswered && (detection === undefined || isFlawless(detection))
  },
})
