import { quote } from './errors.ts'
import { asGlob, type BoxName } from './names.ts'
import type { Right } from './rights.ts'
import { shellOperand, shellWord } from './shell-word.ts'

/*
 * What is said of a mistake, and what to do about it, where rooms that do not know each other say the same.
 */

/** Of a path where a file's is wanted. */
export const namesBoxItself = 'it names the box itself, not a file in it'

/** `what`: what cannot be done, with the path. */
export function noFileInBox(what: string): string {
  return `${what}: no such file in the box`
}

/** `what`: what cannot be done, with the path. */
export function directoryHasName(what: string): string {
  return `${what}: a directory has that name`
}

/** Of a credential whose type nobody knows any more, as when an operator took it away. */
export function typeIsGone(box: string, type: string): string {
  return `box ${quote(box)} is of type ${quote(type)}, which is not there any more`
}

/** What to do where nothing opens the vault of what somebody has. */
export const keyslotsHint = 'see which there are: docker vault keyslot list'

/** Of a record of ours that somebody else has changed. */
export function notWhatWasWritten(what: string): string {
  return `${what} is not what was written`
}

/** The word, path or address that was probably meant. */
export function didYouMean(meant: string): string {
  return `did you mean ${quote(meant)}?`
}

/** Of a directory that was named where a file is taken. */
export const recursiveHint = '-r (recursive) takes it with everything in it'

/** Of a box that is not there. */
export function createHint(name: string): string {
  return `create it with: docker vault create ${shellOperand(name)}`
}

/** What gives a right on the box of this very name: a star in it is none of a glob. */
export function grantCommand(box: BoxName, subject: string, right: Right): string {
  return `docker vault grant ${shellOperand(asGlob(box))} ${shellWord(subject)} ${right}`
}

/** Of what is given twice. */
export const leaveOneOut = 'leave one of them out'

/** Of a record that cannot be read any more. */
export const restoreStore = 'restore the store from a backup'

/** Of a start that met a change of the grants on a box. */
export function startAgainHint(box: string): string {
  return `start the container again, or see: docker vault grants ${shellOperand(box)}`
}

/** Of a directory where the volume option `file` wants a file. */
export const nameAFile = 'name a file in it: path=FILE, or leave the option file out'
