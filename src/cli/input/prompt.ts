import { newBytes } from '../../base/secret.ts'
import { quote, SecretboxError } from '../../base/errors.ts'
import type { Input, Output } from '../output/streams.ts'
import { printable } from '../output/printable.ts'

const maxLineBytes = 64 * 1024
const keys = {
  interrupt: 0x03,
  endOfInput: 0x04,
  backspace: 0x08,
  tab: 0x09,
  newLine: 0x0a,
  enter: 0x0d,
  eraseLine: 0x15,
  quit: 0x1c,
  space: 0x20,
  delete: 0x7f
}

/**
 * Asks twice, since nobody sees what is typed. The caller owns the bytes and overwrites them. Throws what
 * `askSecret` does, and `invalid` when the two differ.
 */
export function askNewSecret(terminal: Input, stderr: Output, what: string): Promise<Buffer> {
  return askTwice(terminal, stderr, `Secret for ${quote(what)} (not shown): `)
}

/** As `askNewSecret`, with a question of its own. */
export async function askTwice(terminal: Input, stderr: Output, question: string): Promise<Buffer> {
  const secret = await askSecret(terminal, stderr, question)
  try {
    const again = await askSecret(terminal, stderr, 'The same again: ')
    const isSame = again.equals(secret)
    again.fill(0)
    if (!isSame) throw new SecretboxError('invalid', 'the two are not the same, so nothing was stored')
    return secret
  } catch (error) {
    secret.fill(0)
    throw error
  }
}

/**
 * Asks for a line at a terminal that does not show what is typed. The caller owns the bytes and overwrites
 * them. Throws `invalid` when the user breaks off, types nothing, more than 64 KiB, or what is no line of text.
 */
export function askSecret(terminal: Input, stderr: Output, question: string): Promise<Buffer> {
  const line = newBytes(maxLineBytes)
  let length = 0
  let finished = false
  return new Promise<Buffer>((resolve, reject) => {
    const finish = (failure?: string, hint?: string) => {
      finished = true
      terminal.off('data', take).off('end', end)
      terminal.setRawMode?.(false)
      terminal.pause()
      stderr.write('\n')
      const secret = Buffer.from(line.subarray(0, length))
      line.fill(0)
      if (failure === undefined) resolve(secret)
      else {
        secret.fill(0)
        reject(new SecretboxError('invalid', failure, hint === undefined ? {} : { hint }))
      }
    }
    const end = () => finish(length === 0 ? nothingTyped : undefined)
    // True when the byte ends the asking; `rest` was typed behind it already.
    const takeByte = (byte: number, rest: Buffer): boolean => {
      if (endsLine(byte)) {
        if (rest.every(endsLine)) end()
        else finish('more than one line came at once, so nothing was stored', pipeHint)
      } else if (byte === keys.interrupt || byte === keys.quit) finish('interrupted: nothing was stored')
      else if (byte === keys.backspace || byte === keys.delete) length = eraseCharacter(line, length)
      else if (byte === keys.eraseLine) length = 0
      else if (byte < keys.space && byte !== keys.tab)
        finish('a control character was typed, so nothing was stored', pipeHint)
      else if (length === maxLineBytes) finish('what was typed is longer than 64 KiB')
      else line[length++] = byte
      return finished
    }
    const take = (typed: Buffer) => {
      typed.some((byte, at) => takeByte(byte, typed.subarray(at + 1)))
      typed.fill(0)
    }
    // The question comes last: whoever sees it can type, and nothing typed shows.
    terminal.setRawMode?.(true)
    terminal.on('data', take).on('end', end).resume()
    stderr.write(printable(question))
  })
}

const nothingTyped = 'nothing was typed, so nothing was stored'
const pipeHint = 'what is more than a line of text comes from a file or a pipe'

function endsLine(byte: number): boolean {
  return byte === keys.enter || byte === keys.newLine || byte === keys.endOfInput
}

// UTF-8: a character ends at the first byte that does not continue one.
function eraseCharacter(line: Buffer, length: number): number {
  let at = length
  while (at > 0 && ((line[--at] ?? 0) & 0xc0) === 0x80);
  return at
}
