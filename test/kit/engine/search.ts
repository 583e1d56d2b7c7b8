import { runProgram } from '../run-program.ts'

/** The forms in which a secret text might be written down: as it is, in hex, in base64. */
export function formsOf(secret: string): Buffer[] {
  const bytes = Buffer.from(secret)
  return [secret, bytes.toString('hex'), bytes.toString('base64')].map(form => Buffer.from(form))
}

/**
 * The files below `root` that hold one of these strings, which have no line end in them. grep(1) looks for
 * them: the gigabyte of an Engine takes it a second, and a loop of ours half a minute.
 */
export async function filesHolding(root: string, needles: readonly Buffer[]): Promise<string[]> {
  if (needles.length === 0 || needles.some(needle => needle.length === 0 || needle.includes('\n')))
    throw new Error('grep would find it everywhere')
  const input = needles.map(needle => `${needle.toString('latin1')}\n`).join('')
  const { code, stdout, stderr } = await runProgram(
    'grep',
    ['--recursive', '--files-with-matches', '--text', '--fixed-strings', '--null', '--file=-', root],
    { input: Buffer.from(input, 'latin1'), env: { PATH: process.env['PATH'], LC_ALL: 'C' } }
  )
  // Of a tree in which others write a file may be gone when its turn comes.
  const faults = stderr.split('\n').filter(line => line !== '' && !line.endsWith('No such file or directory'))
  if (faults.length > 0 || code === null) throw new Error(faults.join('\n'))
  return stdout.split('\0').filter(path => path !== '')
}
