import { Argument, Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander'
import { LIMITS } from '../model/limits.ts'
import { audit, audits } from './audit.ts'
import type { AuditOptions, AuditsOptions } from './audit.ts'
import { backup } from './backup.ts'
import type { BackupOptions } from './backup.ts'
import { checkpoint } from './checkpoint.ts'
import type { CheckpointOptions } from './checkpoint.ts'
import { demo } from './demo/demo.ts'
import type { DemoOptions } from './demo/demo.ts'
import { desktop } from './desktop.ts'
import type { DesktopOptions } from './desktop.ts'
import { elections } from './elections.ts'
import type { ElectionsOptions } from './elections.ts'
import { EXIT, describeExitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { CommandError, failureOf } from './failure.ts'
import { FAULT_KINDS, heal, inject } from './inject.ts'
import type { HealOptions, InjectOptions } from './inject.ts'
import { incident, incidents, repair } from './incidents.ts'
import type { IncidentOptions, IncidentsOptions, RepairOptions } from './incidents.ts'
import { LOG_SLOTS_MAX, log } from './log.ts'
import type { LogOptions } from './log.ts'
import { read } from './read.ts'
import type { ReadOptions } from './read.ts'
import { rehearse } from './rehearse/rehearse.ts'
import type { RehearseOptions } from './rehearse/rehearse.ts'
import { restore } from './restore.ts'
import type { RestoreOptions } from './restore.ts'
import { serve } from './serve.ts'
import type { ServeOptions } from './serve.ts'
import { start } from './start.ts'
import { status } from './status.ts'
import type { StatusOptions } from './status.ts'
import { submit } from './submit.ts'
import type { SubmitOptions } from './submit.ts'
import type { Surroundings } from './surroundings.ts'
import { tryCluster } from './try.ts'
import type { TryOptions } from './try.ts'
import { verifyProof } from './verify-proof.ts'
import type { VerifyProofOptions } from './verify-proof.ts'
import { verify } from './verify.ts'
import type { VerifyOptions } from './verify.ts'

/** Runs one command line (without the two words before the verb). Never throws: what went wrong is told, and coded. */
export async function runCommand(
  words: readonly string[],
  surroundings: Surroundings,
  synod: { readonly version: string },
): Promise<ExitCode> {
  const json = words.includes('--json')
  let exit: ExitCode = EXIT.done
  const program = createProgram({ surroundings, json, version: synod.version }, (code) => (exit = code))
  try {
    await program.parseAsync(words, { from: 'user' })
    return exit
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done
    return tellFailure(wrongArguments(error), { surroundings, json })
  }
}

function wrongArguments(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error
  const message = error.message.replace(/^error: /, '')
  const words = message === '(outputHelp)' ? 'A verb is missing. See: npx synod --help' : message
  return new CommandError({ code: 'WRONG_ARGUMENTS', exit: EXIT.wrongArguments }, words, { cause: error })
}

function tellFailure(
  error: unknown,
  { surroundings, json }: { readonly surroundings: Surroundings; readonly json: boolean },
): ExitCode {
  const { exit, ...problem } = failureOf(error)
  if (json) surroundings.writeOut(`${JSON.stringify({ ...problem, exit })}\n`)
  else surroundings.writeError(`${problem.detail}\n`)
  if (exit === EXIT.fault && error instanceof Error) surroundings.writeError(`${error.stack ?? ''}\n`)
  return exit
}

interface ProgramInit {
  readonly surroundings: Surroundings
  readonly json: boolean
  readonly version: string
}

type Done = (exit: ExitCode) => void

function createProgram({ surroundings, json, version }: ProgramInit, done: Done): Command {
  const program = new Command('synod')
    .description('The computers on a LAN as one replicated state machine.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: surroundings.writeOut,
      writeErr: json ? () => undefined : surroundings.writeError,
      // Told once, by tellFailure.
      outputError: () => undefined,
    })
    // "(default: false)" beside a flag says nothing.
    .configureHelp({ optionDescription: describeOption })
    .addHelpText('afterAll', `\n${describeExitCodes()}`)
  addHostVerbs(program, { surroundings, done })
  addClientVerbs(program, { surroundings, done })
  addAuditVerbs(program, { surroundings, done })
  addBackupVerbs(program, { surroundings, done })
  addRehearsalVerbs(program, { surroundings, done })
  return program
}

function describeOption(option: Option): string {
  return option.isBoolean() ? option.description : new Help().optionDescription(option)
}

interface Verbs {
  readonly surroundings: Surroundings
  readonly done: Done
}

function addHostVerbs(program: Command, { surroundings, done }: Verbs): void {
  const servingVerb = (name: string, description: string): Command =>
    withData(program.command(name).description(description))
      .option('--port <number>', 'port on 127.0.0.1; 0 takes any free one', parsePort, 0)
      .option('--input-bytes-max <bytes>', 'refuse larger Inputs', parseInputBytesMax)
      .option('--queue-inputs-max <number>', 'Inputs that may wait at a replica before it is busy', parseCount)
      .option('--trace', 'diagnostics on the standard error, one JSON object a line', false)
      .addOption(jsonOption())
  servingVerb('start', 'open the console: the desktop window, or where there is none, in a browser').action(
    async (options: ServeOptions) => done(await start(options, surroundings)),
  )
  servingVerb('serve', 'run the host and serve the console to a browser, until Ctrl+C').action(
    async (options: ServeOptions) => done(await serve(options, surroundings)),
  )
  program
    .command('demo')
    .description('tell the whole story in this terminal, on real replicas in a temporary folder')
    .addOption(jsonOption())
    .action(async (options: DemoOptions) => done(await demo(options, surroundings)))
  withData(program.command('desktop').description('open the desktop window, or say why it can’t be opened')).action(
    async (options: DesktopOptions) => done(await desktop(options, surroundings)),
  )
}

function addClientVerbs(program: Command, { surroundings, done }: Verbs): void {
  withData(program.command('try').description('found a cluster of three replicas on this computer'))
    .option('--name <name>', 'its name', 'demo')
    .option('--lease-clock-bound <ms>', 'leader leases on: reads without a round, if clocks drift less', parseCount)
    .option('--checkpoint-slots <number>', 'a CHECKPOINT is ordered after so many slots (50000)', parseCount)
    .option('--checkpoint-bytes <number>', 'or after so many bytes of Inputs (33554432)', parseCount)
    .option('--audit-every <seconds>', 'an AUDIT is ordered so often (10), and after 100000 slots', parseSeconds)
    .addOption(jsonOption())
    .action(async (options: TryOptions) => done(await tryCluster(options, surroundings)))
  withCluster(program.command('status').description('what the host and its clusters are doing'))
    .addOption(jsonOption())
    .action(async (options: StatusOptions) => done(await status(options, surroundings)))
  withCluster(program.command('elections').description('who was elected when, and why the old leader was given up'))
    .addOption(jsonOption())
    .action(async (options: ElectionsOptions) => done(await elections(options, surroundings)))
  withCluster(
    program.command('log').description('decided slots with their Inputs and Outputs, as one replica’s log has them'),
  )
    .option('--from <slot>', 'the first slot (default: as many as --limit before the last)', parseCount)
    .option('--to <slot>', 'the last slot (default: the newest)', parseCount)
    .option('--limit <number>', 'how many slots at most, up to 500', parseLimit, 50)
    .option('--replica <name>', 'whose log (default: any that runs)')
    .addOption(jsonOption())
    .action(async (options: LogOptions) => done(await log(options, surroundings)))
  withCluster(program.command('checkpoint').description('have every replica write its State down at one slot'))
    .option('--wait', 'until a majority of the replicas has the checkpoint on disk and stable', false)
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .action(async (options: CheckpointOptions) => done(await checkpoint(options, surroundings)))
  withCluster(program.command('submit').description('submit one Input; shows the Output and the votes'))
    .argument('<json>', 'the Input, or - to read it from the standard input')
    .requiredOption('--machine <name>', 'the state machine: kv, ledger')
    .option('--client <name>', '(client, sequence) names the Input, a retry is safe (default: a new name)')
    .option('--sequence <number>', 'counts this client’s Inputs from 1', parseCount, 1)
    .option('--proof <file>', 'write the proof of the Output to a file that is not there yet')
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .action(async (text: string, options: SubmitOptions) => done(await submit(text, options, surroundings)))
  withCluster(program.command('read').description('ask a state machine something that changes nothing'))
    .argument('<json>', 'what is asked, or - to read it from the standard input')
    .requiredOption('--machine <name>', 'the state machine: kv, ledger')
    .option('--stale', 'one replica’s State at once, not ordered and not voted on', false)
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .action(async (text: string, options: ReadOptions) => done(await read(text, options, surroundings)))
}

function addAuditVerbs(program: Command, { surroundings, done }: Verbs): void {
  const listLimit = (command: Command): Command =>
    command.option('--limit <number>', 'how many at most, up to 500', parseLimit, 50).addOption(jsonOption())
  withCluster(program.command('audit').description('have every replica tell what it holds, and show who agrees'))
    .addOption(timeoutOption())
    .addOption(jsonOption())
    .action(async (options: AuditOptions) => done(await audit(options, surroundings)))
  listLimit(withCluster(program.command('audits').description('the newest AUDITs and what they found'))).action(
    async (options: AuditsOptions) => done(await audits(options, surroundings)),
  )
  listLimit(withCluster(program.command('incidents').description('replicas that deviated, and how that ended'))).action(
    async (options: IncidentsOptions) => done(await incidents(options, surroundings)),
  )
  withCluster(program.command('incident').description('one of them, with every step and the evidence'))
    .argument('<number>', 'its number, as synod incidents shows it', parseCount)
    .option('--out <file>', 'write the evidence to a file that is not there yet')
    .addOption(jsonOption())
    .action(async (number: number, options: IncidentOptions) => done(await incident(number, options, surroundings)))
  withCluster(program.command('repair').description('start a replica anew that you mistrust, until it is verified'))
    .argument('<replica>', 'its name: a, b, c')
    .addOption(jsonOption())
    .action(async (replica: string, options: RepairOptions) => done(await repair(replica, options, surroundings)))
}

function addBackupVerbs(program: Command, { surroundings, done }: Verbs): void {
  withCluster(program.command('backup').description('write a verified checkpoint and the log since to a file'))
    .argument('<file>', 'the file, on the host’s computer')
    .option('--force', 'replace the file if it is there', false)
    .addOption(jsonOption())
    .action(async (file: string, options: BackupOptions) => done(await backup(file, options, surroundings)))
  program
    .command('verify')
    .description('check every byte of a backup, and tell what it holds; needs no host')
    .argument('<file>', 'the backup')
    .addOption(jsonOption())
    .action(async (file: string, options: VerifyOptions) => done(await verify(file, options, surroundings)))
  program
    .command('verify-proof')
    .description('check the proof of an Output; needs no host, only the members’ ids')
    .argument('<file>', 'the proof, as submit --proof writes it')
    .option('--members <ids>', 'ids with commas between, or a file: an id a line, or what status --json prints')
    .addOption(jsonOption())
    .action(async (file: string, options: VerifyProofOptions) => done(await verifyProof(file, options, surroundings)))
  withData(program.command('restore').description('found a new cluster from a backup'))
    .argument('<file>', 'the backup, on the host’s computer')
    .option('--name <name>', 'of the new cluster (default: the old one’s, and "restored")')
    .addOption(jsonOption())
    .action(async (file: string, options: RestoreOptions) => done(await restore(file, options, surroundings)))
}

function addRehearsalVerbs(program: Command, { surroundings, done }: Verbs): void {
  program
    .command('rehearse')
    .description('play scenarios of faults on a fresh cluster, and see whether all that must be seen is seen')
    .argument('[files...]', 'scenarios: files, or names of shipped ones')
    .option('--all', 'the shipped scenarios', false)
    .option('--list', 'name the shipped scenarios, and play none', false)
    .option('--keep', 'leave the temporary data folder there', false)
    .addOption(jsonOption())
    .action(async (files: string[], options: RehearseOptions) => done(await rehearse(files, options, surroundings)))
  withCluster(program.command('inject').description('rehearsal: a fault that begins now and ends by itself'))
    .addArgument(new Argument('<kind>', 'what happens').choices(FAULT_KINDS))
    .option('--replica <name>', 'to which replica')
    .option('--from <name>', 'on a link: who sends')
    .option('--to <name>', 'on a link: who receives')
    .option('--both-ways', 'on a link: the other way too', false)
    .option('--part <number>', 'drop, duplicate: of the messages, 0 to 1', parsePart)
    .option('--by <ms>', 'delay, clock-skew: by how much; a clock may be put back', parseBy)
    .option('--how <word>', 'lie: always or sometimes')
    .option('--key <key>', 'flip-byte: of which key of the State (default: any)')
    .option('--duration <ms>', 'how long, up to 600000 (30000)', parseCount)
    .addOption(jsonOption())
    .action(async (kind: string, options: InjectOptions) => done(await inject(kind, options, surroundings)))
  withCluster(program.command('heal').description('rehearsal: end an injected fault, or all of them'))
    .argument('[number]', 'of the fault, as synod inject shows it', parseCount)
    .addOption(jsonOption())
    .action(async (number: number | undefined, options: HealOptions) => done(await heal(number, options, surroundings)))
}

function withData(command: Command): Command {
  return command.option('--data <folder>', 'the host’s data folder (default: the platform’s place for a user’s data)')
}

function withCluster(command: Command): Command {
  return withData(command).option('--cluster <name>', 'name or id; needed where the host has several')
}

function jsonOption(): Option {
  return new Option('--json', 'one JSON object on a line, for programs').default(false)
}

function timeoutOption(): Option {
  return new Option('--timeout <ms>', 'how long to wait for a majority: 100 to 60000 ms').argParser(parseCount)
}

function parseCount(text: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : 0
  if (value < 1) throw new InvalidArgumentError('Expected a whole number from 1 up.')
  return value
}

/** An interval of a day at most. */
function parseSeconds(text: string): number {
  const value = parseCount(text)
  if (value > 86_400) throw new InvalidArgumentError('Expected at most 86400 seconds.')
  return value
}

function parsePart(text: string): number {
  const value = /^(0|1|0?\.\d{1,6})$/.test(text) ? Number(text) : NaN
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('Expected a number from 0 to 1, such as 0.3.')
  return value
}

function parseBy(text: string): number {
  if (!/^-?\d{1,8}$/.test(text)) throw new InvalidArgumentError('Expected milliseconds, such as 200 or -5000.')
  return Number(text)
}

function parseLimit(text: string): number {
  const value = parseCount(text)
  if (value > LOG_SLOTS_MAX) throw new InvalidArgumentError(`Expected at most ${LOG_SLOTS_MAX}.`)
  return value
}

function parsePort(text: string): number {
  const value = /^\d{1,5}$/.test(text) ? Number(text) : -1
  if (value < 0 || value > 65_535) throw new InvalidArgumentError('Expected a port, 0 to 65535.')
  return value
}

function parseInputBytesMax(text: string): number {
  const value = parseCount(text)
  if (value > LIMITS.inputBytesMax) {
    throw new InvalidArgumentError(`Expected at most ${LIMITS.inputBytesMax} bytes.`)
  }
  return value
}
