import type { Command } from 'commander'
import { readFile } from 'node:fs/promises'
import type { CanAnswer } from '../../api/grants.ts'
import { isSecretboxError, quote, reasonOf, SecretboxError } from '../../base/errors.ts'
import { parseBoxName, type BoxName } from '../../base/names.ts'
import type { Right } from '../../base/rights.ts'
import { printSubject } from '../../vault/access/subjects.ts'
import type { Cli } from '../declare/cli.ts'
import { command } from '../declare/command.ts'
import { boxOperand, rightOperand, subjectOperand } from '../declare/operand.ts'
import { groupsOfUser, readSubject } from '../input/people.ts'
import { exitCodes, UsageError } from '../output/failure.ts'

/** `can SUBJECT RIGHT BOX`: whether somebody has a right, and what says so; exit status 0 for yes, 1 for no. */
export function can(cli: Cli): Command {
  return command(
    cli,
    'can',
    'Say whether somebody may do something with a box, and what says so. Exit code 0: yes, 1: no, 2: bad question, 3: no answer. ' +
      'With --test, whether all lines of a file hold: "yes SUBJECT RIGHT BOX" or "no SUBJECT RIGHT BOX" each.',
    ['$ can user:alice reveal db', '$ can compose:shop/web use db', '$ can --test policy.txt']
  )
    .summary('Say whether somebody may do something')
    .addArgument(subjectOperand().argOptional())
    .addArgument(rightOperand().argOptional())
    .addArgument(boxOperand('name of the box').argOptional())
    .option(
      '--test <file>',
      'check expectations, a line each; empty lines and those that begin with # mean nothing'
    )
    .action(
      async (
        subject: string | undefined,
        right: Right | undefined,
        box: BoxName | undefined,
        { test }: { test?: string }
      ) => {
        if (test !== undefined) {
          if (subject !== undefined) throw new UsageError('--test takes no SUBJECT, RIGHT and BOX')
          await checkAll(cli, test)
          return
        }
        if (subject === undefined || right === undefined || box === undefined)
          throw new UsageError('"can" takes SUBJECT, RIGHT and BOX, or --test FILE')
        const answer = await answerTo(cli, { subject, right, box })
        if (answer === null) {
          cli.endWith(exitCodes.unanswered)
          return
        }
        cli.print(answer.can ? `yes: ${whyText(answer)}` : 'no')
        if (!answer.can) cli.endWith(exitCodes.failed)
      }
    )
}

interface Question {
  readonly subject: string
  readonly right: Right
  readonly box: BoxName
}

/** Null for none, as where the caller may not ask, which is told by then: that is not a no. */
async function answerTo(cli: Cli, question: Question): Promise<CanAnswer | null> {
  try {
    return await ask(cli, question)
  } catch (error) {
    if (error instanceof UsageError) throw error
    cli.fail(error)
    return null
  }
}

/** Throws `UsageError` for a subject that is none. */
async function ask(cli: Cli, { subject, right, box }: Question): Promise<CanAnswer> {
  const read = await readSubject(subject).catch((error: unknown) => {
    throw isSecretboxError(error) ? new UsageError(error.message, error.hint) : error
  })
  const groups = read.kind === 'user' ? await groupsOfUser(read.uid) : []
  return cli.api.can(printSubject(read), right, box, groups)
}

function whyText({ because, grant }: CanAnswer): string {
  switch (because) {
    case 'root':
      return 'root may'
    case 'owner':
      return 'the box is theirs'
    case 'open':
      return 'the box is open to any container'
    default:
      return grant === null
        ? 'it is so'
        : `${grant.subject} was granted ${grant.rights.join(' ')} on ${grant.boxes} (${grant.id})`
  }
}

interface Expectation extends Question {
  readonly isYes: boolean
  readonly line: number
}

async function checkAll(cli: Cli, file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new SecretboxError('invalid', `cannot read ${quote(file)}: ${reasonOf(error)}`)
  })
  const expectations = readExpectations(file, text)
  let [held, isAnswered] = [0, true]
  await cli.each(expectations, async expectation => {
    const answer = await answerTo(cli, expectation)
    if (answer === null) {
      isAnswered = false
      return
    }
    const { can: may } = answer
    const { subject, right, box, isYes, line } = expectation
    if (may !== isYes)
      throw new SecretboxError(
        'conflict',
        `${file}:${line}: ${subject} ${may ? 'may' : 'may not'} ${right} ${quote(box)}, and it should be ${isYes ? 'yes' : 'no'}`
      )
    held++
  })
  cli.note(`${held} of ${expectations.length} expectations hold`)
  if (!isAnswered) cli.endWith(exitCodes.unanswered)
}

/** Reads all before any is asked about. Throws `UsageError` that names the line. */
function readExpectations(file: string, text: string): Expectation[] {
  const rights = rightOperand()
  return text.split('\n').flatMap((written, i) => {
    const line = written.trim()
    if (line === '' || line.startsWith('#')) return []
    const [, answer, subject = '', right = '', box = ''] =
      /^(yes|no)\s+(\S+)\s+(\S+)\s+(.+)$/.exec(line) ?? []
    if (answer === undefined)
      throw new UsageError(
        `${file}:${i + 1}: bad expectation ${quote(line)}`,
        'a line is: yes|no SUBJECT RIGHT BOX'
      )
    return {
      isYes: answer === 'yes',
      subject,
      right: rights.parse(right),
      box: parseBoxName(box),
      line: i + 1
    }
  })
}
