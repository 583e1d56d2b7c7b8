import { DockerfileParser, type From, type Instruction } from 'dockerfile-ast'
import { quote, SecretboxError } from '../../base/errors.ts'
import { parseBoxName, type BoxName } from '../../base/names.ts'

/** How a Dockerfile is to be changed, and which image is to be built of it. */
export interface Rewriting {
  /** What messages call the file. */
  readonly name: string
  /** Added behind the word RUN of each such instruction, with a space in front of each; '' for nothing. */
  readonly runFlags: string
  /** The stage to build, by name or number; null: the last. */
  readonly target: string | null
}

/** A Dockerfile that BuildKit understands, and what its BOX instructions say. */
export interface Rewritten {
  readonly text: string
  /** The boxes that the built stage, and those it is made from, ask for. */
  readonly boxes: readonly BoxName[]
  /** The image that the built stage begins with: its name, `scratch`, or null when only the builder will know. */
  readonly base: string | null
}

interface Stage {
  readonly from: string
  readonly name: string | null
  readonly boxes: BoxName[]
}

interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

/**
 * Gives every RUN its flags and takes every BOX out, and leaves all else as it was: directives, heredocs,
 * continuation lines, and the number of every line, so that the builder's messages name the right ones. What
 * ONBUILD keeps for another build stays, too. Throws `invalid` for a BOX that is wrong.
 */
export function rewriteDockerfile(text: string, { name, runFlags, target }: Rewriting): Rewritten {
  const offsetOf = offsets(text)
  const edits: Edit[] = []
  const stages: Stage[] = []
  const file = DockerfileParser.parse(text)
  const froms = file.getFROMs()
  for (const instruction of file.getInstructions()) {
    const word = instruction.getInstructionRange()
    const where = `${name}:${word.start.line + 1}`
    switch (instruction.getKeyword()) {
      case 'FROM':
        stages.push(stageOf(froms[stages.length]))
        break
      case 'RUN': {
        const end = offsetOf(word.end)
        edits.push({ from: end, to: end, text: runFlags })
        break
      }
      case 'BOX': {
        const stage = stages.at(-1)
        if (stage === undefined) throw badBox(where, 'it stands before the first FROM')
        stage.boxes.push(...boxesOf(instruction, where))
        const [from, to] = [offsetOf(word.start), offsetOf(instruction.getRange().end)]
        edits.push({ from, to, text: text.slice(from, to).replace(/[^\r\n]+/g, '#') })
        break
      }
      case 'ONBUILD':
        if (/^box(\s|$)/i.test(instruction.getArgumentsContent() ?? '')) {
          throw badBox(
            where,
            'another build could not understand it: write BOX into the Dockerfile of that build'
          )
        }
    }
  }
  return { text: edited(text, edits), ...chainOf(stages, target) }
}

function stageOf(from: From | undefined): Stage {
  return { from: from?.getImage() ?? '', name: from?.getBuildStage() ?? null, boxes: [] }
}

/** The stages that an image is made from, one on top of the other: all of their boxes, and what is at the bottom. */
function chainOf(stages: readonly Stage[], target: string | null): Omit<Rewritten, 'text'> {
  const boxes: BoxName[] = []
  let at = target === null ? stages.length - 1 : indexOf(stages, target, stages.length)
  if (at === -1 && target !== null && /^\d+$/.test(target)) at = Number(target)
  for (let stage = stages[at]; stage !== undefined; stage = stages[at]) {
    boxes.unshift(...stage.boxes)
    const below = indexOf(stages, stage.from, at)
    if (below === -1)
      return { boxes: [...new Set(boxes)], base: stage.from.includes('$') ? null : stage.from }
    at = below
  }
  return { boxes: [], base: 'scratch' }
}

/** The last stage of that name among the first `count`. */
function indexOf(stages: readonly Stage[], name: string, count: number): number {
  return stages.slice(0, count).findLastIndex(stage => stage.name?.toLowerCase() === name.toLowerCase())
}

function boxesOf(instruction: Instruction, where: string): BoxName[] {
  const content = instruction.getArgumentsContent()?.trim() ?? ''
  if (!content.startsWith('[')) {
    if (content === '') throw badBox(where, 'it names no box')
    if (/\s/.test(content)) throw badBox(where, 'it takes one name, or names in a JSON array')
    return [parseAt(content, where)]
  }
  let names: unknown
  try {
    names = JSON.parse(content)
  } catch {
    throw badBox(where, `${quote(content)} is not JSON`)
  }
  if (!Array.isArray(names) || names.length === 0 || !names.every(name => typeof name === 'string')) {
    throw badBox(where, 'the array must hold names of boxes')
  }
  return names.map(name => parseAt(name, where))
}

function parseAt(name: string, where: string): BoxName {
  try {
    return parseBoxName(name)
  } catch (error) {
    throw badBox(where, (error as Error).message)
  }
}

function badBox(where: string, reason: string): SecretboxError {
  return new SecretboxError('invalid', `bad BOX at ${where}: ${reason}`, {
    hint: 'write it as: BOX name, or BOX ["name", "other name"]'
  })
}

/** Where a line and character of the text are, counted from 0. */
function offsets(text: string): (position: { line: number; character: number }) => number {
  const starts = [0, ...[...text.matchAll(/\r\n|\n|\r/g)].map(({ 0: end, index }) => index + end.length)]
  return ({ line, character }) => (starts[line] ?? text.length) + character
}

function edited(text: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  for (const edit of edits) {
    result += text.slice(at, edit.from) + edit.text
    at = edit.to
  }
  return result + text.slice(at)
}
