import { Argument } from 'commander'
import { quote } from '../../base/errors.ts'
import { parseBoxName, type BoxName } from '../../base/names.ts'
import { rights, type Right } from '../../base/rights.ts'
import { parseBoxPattern, type BoxPattern } from '../../vault/access/box-pattern.ts'
import { UsageError } from '../output/failure.ts'
import { parseAddress, parseBoxAlone, refuseAbove, type Address } from '../client/address.ts'
import * as completing from '../completion/names.ts'
import type { Complete } from '../completion/names.ts'
import { parseVersion } from './version-number.ts'

/** How an operand is written, explained, read and completed. */
interface Kind<T> {
  readonly term: string
  readonly meaning: string
  readonly parse: (text: string) => T
  readonly complete: Complete
  /** What usage lines show; '' for nothing. Without it, what follows from `term`. */
  readonly usage?: string
}

/** A word of a command line that is no option. Commander has it read, unless there are several: then `parse` does. */
export class Operand<T> extends Argument {
  readonly parse: (text: string) => T
  readonly complete: Complete
  readonly #usage: string | undefined

  constructor({ term, meaning, parse, complete, usage }: Kind<T>) {
    super(`<${term}>`, meaning)
    this.parse = parse
    this.complete = complete
    this.#usage = usage
    this.argParser(parse)
  }

  /** Takes one or more. Each is read by itself, since others go on when one is wrong. */
  several(): this {
    this.variadic = true
    delete this.parseArg
    return this
  }

  /** As usage lines show it: `BOX`, `[BOX...]`. */
  get usage(): string {
    if (this.#usage !== undefined) return this.#usage
    const term = this.name() + (this.variadic ? '...' : '')
    return this.required ? term : `[${term}]`
  }
}

/** `BOX`: a box as a whole; `ofFile` as for `parseBoxAlone`. */
export function boxOperand(meaning: string, ofFile?: string): Operand<BoxName> {
  const parse = (text: string): BoxName => parseBoxAlone(text, ofFile)
  return new Operand({ term: 'BOX', meaning, parse, complete: completing.boxes })
}

/** `BOX`: the name of a box that is to be. */
export function newBoxOperand(meaning: string, term = 'BOX'): Operand<BoxName> {
  return new Operand({ term, meaning, parse: parseBoxName, complete: completing.nothing })
}

/** `BOX[:PATH]`: a box, or what lies at and below a path in it. */
export function addressOperand(meaning: string): Operand<Address> {
  const complete = completing.boxesOrAddresses
  return new Operand({ term: 'BOX[:PATH]', meaning, parse: parseAddress, complete })
}

/** `BOX[:PATH]` to put something into. */
export function directoryOperand(meaning: string): Operand<Address> {
  const parse = (text: string): Address => {
    refuseAbove(text)
    return parseAddress(text)
  }
  return new Operand({ term: 'BOX[:PATH]', meaning, parse, complete: completing.boxesOrAddresses })
}

/** `BOX[:PATH]` where mostly a file is meant: boxes are completed with their colon. */
export function fileOperand(meaning: string): Operand<Address> {
  return new Operand({ term: 'BOX[:PATH]', meaning, parse: parseAddress, complete: completing.addresses })
}

const asWritten = (text: string): string => text

/** `BOX:PATH`, which may also be two words, `BOX PATH`: two operands, to be read together by `placeOf`. */
export function placeOperands(meaning: string): [Operand<string>, Operand<string>] {
  const place = new Operand({
    term: 'BOX:PATH',
    meaning: `${meaning}; also as two words, BOX PATH`,
    parse: asWritten,
    complete: completing.addresses
  })
  return [place, secondWord(completing.pathsOfBox)]
}

/** `BOX:PATH…`, which may also be `BOX PATH…`: two operands, to be read together by `placesOf`. */
export function severalPlaceOperands(meaning: string): [Operand<string>, Operand<string>] {
  const places = new Operand({
    term: 'BOX:PATH',
    usage: 'BOX:PATH...',
    meaning: `${meaning}; also as BOX PATH...`,
    parse: asWritten,
    complete: completing.addresses
  })
  return [places, secondWord(completing.pathsOrAddresses).several()]
}

function secondWord(complete: Complete): Operand<string> {
  return new Operand({ term: 'PATH', usage: '', meaning: '', parse: asWritten, complete }).argOptional()
}

/** One side of a copy: `BOX:PATH`, a path of the operator's, or `-`. */
export function sideOperand(term: string): Operand<string> {
  const meaning = 'BOX:PATH, a path of yours, or "-"'
  return new Operand({ term, meaning, parse: asWritten, complete: completing.addressesOrFiles })
}

/** `FILE`: the operator's. */
export function ownFileOperand(meaning: string): Operand<string> {
  return new Operand({ term: 'FILE', meaning, parse: asWritten, complete: completing.files })
}

/** A type of credentials. */
export function typeOperand(meaning: string): Operand<string> {
  return new Operand({ term: 'TYPE', meaning, parse: asWritten, complete: completing.typesOfBoxes })
}

/** A field of the box that the first operand names. */
export function fieldOperand(meaning: string): Operand<string> {
  return new Operand({ term: 'FIELD', meaning, parse: asWritten, complete: completing.fieldsOfBox })
}

/** A version of the box that the first operand names. */
export function versionOperand(term: string, meaning: string): Operand<number> {
  return new Operand({ term, meaning, parse: parseVersion, complete: completing.versionsOfBox })
}

/** `BOX`: a box, or a glob of boxes, as grants have it. */
export function boxesOperand(): Operand<BoxPattern> {
  const meaning = 'name of the box, or a glob in quotes'
  return new Operand({ term: 'BOX', meaning, parse: parseBoxPattern, complete: completing.boxes })
}

/** `SUBJECT`: whom a grant is for, as it is written; names are looked up later. */
export function subjectOperand(): Operand<string> {
  const meaning =
    'user:NAME, group:NAME, image:REFERENCE, compose:PROJECT[/SERVICE], label:NAME=VALUE or container:NAME'
  return new Operand({ term: 'SUBJECT', meaning, parse: asWritten, complete: completing.subjects })
}

/** `IMAGE`: one that the Engine has; `names` finds what it calls those that it has. */
export function imageOperand(names: () => Promise<readonly string[]>): Operand<string> {
  const complete: Complete = async () =>
    completing.words((await names()).map(value => ({ value, meaning: '' })))
  return new Operand({ term: 'IMAGE', meaning: 'name of the image, or its ID', parse: asWritten, complete })
}

/** `USER`: somebody by name or number; names are looked up later. */
export function userOperand(meaning: string): Operand<string> {
  return new Operand({ term: 'USER', meaning, parse: asWritten, complete: completing.nothing })
}

/** `RIGHT`: what a grant gives. */
export function rightOperand(): Operand<Right> {
  const known = rights.join(', ')
  return new Operand({
    term: 'RIGHT',
    meaning: known,
    parse: text => {
      const right = rights.find(each => each === text)
      if (right === undefined) throw new UsageError(`unknown right ${quote(text)}`, `rights are ${known}`)
      return right
    },
    complete: () => completing.words(rights.map(value => ({ value, meaning: '' })))
  })
}

/** One of a few words, each with what it stands for. Throws what `refuse` makes of any other. */
export function choiceOperand<T>(
  term: string,
  choices: Readonly<Record<string, T>>,
  refuse: (text: string, known: string) => Error
): Operand<T> {
  const known = Object.keys(choices)
  return new Operand({
    term,
    meaning: known.join(', '),
    parse: text => {
      const choice = Object.entries(choices).find(([name]) => name === text)
      if (choice === undefined) throw refuse(text, known.join(', '))
      return choice[1]
    },
    complete: () => completing.words(known.toSorted().map(value => ({ value, meaning: '' })))
  })
}
