import { expect, test } from 'vitest'
import { parseFilePath } from '../../src/base/names.ts'
import { newBytes, Secret } from '../../src/base/secret.ts'
import { variablesIn, volumesOfVariables } from '../../src/http/container/secret-environment.ts'
import type { Entry } from '../../src/vault/boxes/tree.ts'

/** The variables of a version that shows one file with these bytes. */
function variablesOf(text: string | Buffer): Promise<Buffer[]> {
  const bytes = Buffer.from(text as string)
  const own = newBytes(bytes.length)
  own.set(bytes)
  const inline = new Secret(own)
  const file: Entry<Secret> = { type: 'file', mode: 0o600, size: bytes.length, content: { inline } }
  return variablesIn({ read: () => inline }, new Map([[parseFilePath('vars'), file]]))
}

test('files of variables lie in directories of their own below one place, and are read in their order', () => {
  const targets = new Map([
    ['ten', ['/run/secretbox/env/10']],
    ['two', ['/run/vault/x', '/run/secretbox/env/2']],
    ['deeper', ['/run/secretbox/env/1/x']],
    ['beside', ['/run/secretbox/environment/1', '/run/secretbox/env']]
  ])
  expect(volumesOfVariables({ targets })).toEqual(['two', 'ten'])
})

test('what JSON cannot hold, and what is no file of variables, is refused without a word of what it is', async () => {
  const members = await variablesOf('A=x\nB="\u0001\\n"')
  expect(members.map(String)).toEqual(['"A":"x"', '"B":"\\u0001\\u000a"'])
  await expect(variablesOf(Buffer.from('A=x\nB=\xff', 'latin1'))).rejects.toMatchObject({
    code: 'conflict',
    message: 'variable "B" has a value that is no UTF-8, and JSON can hold no other'
  })
  await expect(variablesOf('A=x\nhunter2')).rejects.toMatchObject({
    code: 'invalid',
    message: 'line 2: it is not NAME=value'
  })
  await expect(variablesOf('#'.repeat((1 << 20) + 1))).rejects.toMatchObject({
    code: 'too_large'
  })
})
