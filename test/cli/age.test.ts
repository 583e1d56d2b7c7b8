import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Secret } from '../../src/base/secret.ts'
import { fromBech32, toBech32 } from '../../src/cli/age/bech32.ts'
import { ageFileFor, keyInAgeFile } from '../../src/cli/age/key-in-file.ts'
import { parseIdentities, parseRecipient, recipientOf, type AgeIdentity } from '../../src/cli/age/x25519.ts'
import { scratchDirectory } from '../kit/temporary.ts'

/** An identity as age-keygen of Debian's age makes it: its file, its public key, and what was read of it. */
function keygen(): { path: string; recipient: string; identity: AgeIdentity } {
  const path = join(scratchDirectory(), 'identity')
  execFileSync('age-keygen', ['-o', path], { stdio: 'pipe' })
  const recipient = /age1\S+/.exec(readFileSync(path, 'utf8'))?.[0] ?? ''
  const [identity] = parseIdentities(readFileSync(path))
  if (identity === undefined) throw new Error('no identity')
  return { path, recipient, identity }
}

const keyOf = (bytes: Uint8Array): Secret => new Secret(Uint8Array.from(bytes))

test('age makes the identity and opens what is written for it, and what age wrote is opened', () => {
  const { path, recipient, identity } = keygen()
  expect(toBech32('age', recipientOf(identity))).toBe(recipient)
  expect(parseRecipient(recipient).equals(recipientOf(identity))).toBe(true)
  const key = randomBytes(32)
  const file = ageFileFor(parseRecipient(recipient), keyOf(key))
  expect(execFileSync('age', ['-d', '-i', path], { input: file }).equals(key)).toBe(true)
  expect(keyInAgeFile([identity], file)?.bytes()).toEqual(key)
  const theirs = execFileSync('age', ['-r', keygen().recipient, '-r', recipient], { input: key })
  expect(keyInAgeFile([identity], theirs)?.bytes()).toEqual(key)
  // For somebody else.
  expect(keyInAgeFile([keygen().identity], theirs)).toBe(null)
})

test('no changed byte of a file goes unnoticed, and none makes reading it fail', () => {
  const identity = new Secret(randomBytes(32))
  const file = ageFileFor(recipientOf(identity), keyOf(randomBytes(32)))
  for (let at = 0; at < file.length; at++) {
    const changed = Buffer.from(file)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    expect([at, keyInAgeFile([identity], changed)]).toEqual([at, null])
    expect([at, keyInAgeFile([identity], file.subarray(0, at))]).toEqual([at, null])
  }
  expect(keyInAgeFile([identity], Buffer.concat([file, Buffer.of(0)]))).toBe(null)
})

test('stanzas of other kinds are left to others', () => {
  const { identity, recipient } = keygen()
  const path = join(scratchDirectory(), 'ssh')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])
  const key = randomBytes(32)
  const file = execFileSync('age', ['-R', `${path}.pub`, '-r', recipient], { input: key })
  expect(keyInAgeFile([identity], file)?.bytes()).toEqual(key)
})

test.each([
  ['', 'there is no identity in it'],
  ['# a comment\n\n', 'there is no identity in it'],
  ['-----BEGIN OPENSSH PRIVATE KEY-----\n', 'line 1 is no X25519 identity of age'],
  ['# x\r\nAGE-PLUGIN-YUBIKEY-1QQQ\r\n', 'line 2 is no X25519 identity of age'],
  [
    'AGE-SECRET-KEY-1QYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQSZQGPQYQS000000',
    'line 1 is no X25519 identity of age'
  ]
])('an identity file of %j is refused', (text, reason) => {
  expect(() => parseIdentities(Buffer.from(text))).toThrow(`bad identity file: ${reason}`)
})

test('a key in Bech32 is read in one case alone, with its checksum', () => {
  const bytes = randomBytes(32)
  const text = toBech32('age', bytes)
  expect(fromBech32('age', Buffer.from(text))?.equals(bytes)).toBe(true)
  expect(fromBech32('age', Buffer.from(text.toUpperCase()))?.equals(bytes)).toBe(true)
  const last = text.at(-1) === 'q' ? 'p' : 'q'
  for (const wrong of [`A${text.slice(1)}`, text.slice(0, -1) + last, text.slice(1), `${text}q`, 'age1', ''])
    expect([wrong, fromBech32('age', Buffer.from(wrong))]).toEqual([wrong, null])
  // BIP 173's own.
  expect(fromBech32('a', Buffer.from('A12UEL5L'))).toEqual(Buffer.alloc(0))
  expect(
    fromBech32('abcdef', Buffer.from('abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw'))?.toString('hex')
  ).toBe('00443214c74254b635cf84653a56d7c675be77df')
  expect(() => parseRecipient(text.slice(0, -1) + last)).toThrow('bad recipient')
})
