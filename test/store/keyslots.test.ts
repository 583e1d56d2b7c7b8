import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import sodium from 'libsodium-wrappers-sumo'
import { Secret } from '../../src/base/secret.ts'
import { createAttempts } from '../../src/crypto/keyslots/attempts.ts'
import { putHeader, readHeader, type Header, type Slot } from '../../src/crypto/keyslots/header.ts'
import { checkPassphrase, keyOfPassphrase } from '../../src/crypto/keyslots/passphrase.ts'
import { keyOfRecoveryCode, newRecoveryCode, parseRecoveryCode } from '../../src/crypto/keyslots/recovery.ts'
import { newSlot, replacingSlot, slotNamed, withoutSlot, withSlot } from '../../src/crypto/keyslots/slot.ts'
import { createSealing, sealedBy, type Sealing } from '../../src/crypto/keyslots/sealing.ts'
import type { Credential } from '../../src/crypto/keyslots/opening.ts'
import type { Store } from '../../src/store/store.ts'
import { parseBoxName } from '../../src/base/names.ts'
import { openVault, root, type OpenVault } from '../kit/open-vault.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const secretOf = (text: string | Uint8Array): Secret =>
  new Secret(Uint8Array.from(Buffer.from(text as string)))
/** Cheap, so that many can be tried. */
const cheap = (): { salt: string; memoryKiB: number; passes: number } => ({
  salt: randomBytes(16).toString('base64'),
  memoryKiB: 8,
  passes: 1
})
const now = '2026-11-27T00:00:00.000Z'

async function open(directory = temporaryDirectory()): Promise<OpenVault> {
  const opened = await openVault(directory)
  onTestFinished(() => opened.close().catch(() => undefined))
  return opened
}

/** Changes the header as the vault does. */
async function changeHeader(
  { store, sealing }: OpenVault,
  change: (header: Header) => Header
): Promise<void> {
  const stored = await readHeader(store)
  if (stored === null) throw new Error('no header')
  await store.commit([putHeader(await sealing.keyring(), change(stored.header), stored.revision)])
}

async function headerOf({ store }: Pick<OpenVault, 'store'>): Promise<Header> {
  const stored = await readHeader(store)
  if (stored === null) throw new Error('no header')
  return stored.header
}

/** A vault that opens by a key file, a passphrase and a recovery code; and the code as it was printed. */
async function vaultWithThree(directory?: string): Promise<{ opened: OpenVault; printed: Uint8Array }> {
  const opened = await open(directory)
  await opened.vault.create(root, parseBoxName('db'))
  const keyring = await opened.sealing.keyring()
  const { code, printed } = newRecoveryCode()
  const cost = cheap()
  const passphraseKey = await keyOfPassphrase(secretOf('correct horse'), cost)
  const recoveryKey = keyOfRecoveryCode(opened.keyslotParts.sodium, code)
  await changeHeader(opened, header =>
    withSlot(
      withSlot(
        header,
        newSlot(keyring, { kind: 'passphrase', name: 'mine', by: 0, made: now, ...cost }, passphraseKey)
      ),
      newSlot(keyring, { kind: 'recovery', name: 'safe', by: 0, made: now }, recoveryKey)
    )
  )
  return { opened, printed: Uint8Array.from(printed.bytes()) }
}

describe('a vault with several keyslots', () => {
  test('opens by each of them, and by nothing else', async () => {
    const directory = temporaryDirectory()
    const { opened, printed } = await vaultWithThree(directory)
    await opened.store.commit([sealedBy(0, now)])
    await opened.close()

    const again = await open(directory)
    expect(again.sealing.reason()).toBe(`the vault is sealed: uid 0 sealed it at ${now}`)
    await expect(again.vault.list(root)).rejects.toMatchObject({
      code: 'sealed',
      hint: 'open it: docker vault unseal'
    })
    const wrong = { kind: 'passphrase', given: secretOf('wrong horse') } as const
    await expect(again.sealing.unseal(wrong, null)).rejects.toMatchObject({
      code: 'denied',
      message: 'no keyslot opens with this passphrase'
    })
    expect(again.sealing.isSealed()).toBe(true)
    await again.sealing.unseal({ kind: 'recovery', given: secretOf(printed) }, null)
    expect((await again.vault.list(root)).boxes.map(({ name }) => name)).toEqual(['db'])
    await expect(
      again.sealing.unseal({ kind: 'recovery', given: secretOf(printed) }, null)
    ).rejects.toMatchObject({ code: 'conflict' })
    expect(slotNamed(await headerOf(again), 'safe').opened).not.toBe(null)
    // The mark is gone: the key file opens it again.
    await again.close()
    const third = await open(directory)
    expect(third.sealing.isSealed()).toBe(false)
    expect(await third.sealing.opens({ kind: 'passphrase', given: secretOf('correct horse') }, 'mine')).toBe(
      true
    )
    expect(await third.sealing.opens({ kind: 'passphrase', given: secretOf('correct hors') }, 'mine')).toBe(
      false
    )
  })

  test('has no key of any of them in the store', async () => {
    const { opened, printed } = await vaultWithThree()
    const stored = [opened.storeFile, `${opened.storeFile}-wal`].map(path => readFileSync(path))
    for (const secret of [Buffer.from(printed), Buffer.from('correct horse')])
      expect(stored.some(bytes => bytes.includes(secret))).toBe(false)
  })

  const changes: [name: string, change: (header: Header) => unknown][] = [
    ['another name of a slot', header => (slotAt(header, 1).name = 'yours')],
    ['another maker', header => (slotAt(header, 0).by = 1)],
    ['another time', header => (slotAt(header, 0).made = '2020-01-01T00:00:00.000Z')],
    ['a time at which it was opened', header => (slotAt(header, 2).opened = '2020-01-01T00:00:00.000Z')],
    ['a slot less', header => header.slots.pop()],
    ['other places', header => header.slots.reverse()],
    ['another day of making', header => (header.created = '2020-01-01T00:00:00.000Z')],
    ['a cheaper passphrase', header => Object.assign(slotAt(header, 1), { passes: 2 })]
  ]
  test.each(changes)('whose header somebody gave %s does not open', async (_name, change) => {
    const directory = temporaryDirectory()
    const { opened } = await vaultWithThree(directory)
    const record = await opened.store.get('store')
    const fields = JSON.parse(record?.value.toString() ?? '') as Header
    change(fields)
    await opened.store.commit([{ put: 'store', value: Buffer.from(JSON.stringify(fields)) }])
    await opened.close()
    const again = await open(directory)
    expect(again.sealing.reason()).toBe("the vault is sealed: the store's header is not what was written")
  })
})

/** A slot that can be changed. */
function slotAt(header: Header, place: number): Slot {
  const slot = header.slots[place]
  if (slot === undefined) throw new Error('no such slot')
  return slot
}

test('the last slot stays, a name is there once, and what is replaced opens no more', async () => {
  const { opened } = await vaultWithThree()
  const header = await headerOf(opened)
  expect(() => withSlot(header, slotNamed(header, 'mine'))).toThrow('there is a keyslot "mine" already')
  const one = withoutSlot(withoutSlot(header, 'mine'), 'safe')
  expect(() => withoutSlot(one, 'key-file')).toThrow('cannot remove keyslot "key-file": it is the last one')
  expect(() => withoutSlot(header, 'other')).toThrow('no keyslot "other"')

  const keyring = await opened.sealing.keyring()
  const cost = cheap()
  const key = await keyOfPassphrase(secretOf('another horse'), cost)
  await changeHeader(opened, found =>
    replacingSlot(
      found,
      newSlot(keyring, { kind: 'passphrase', name: 'mine', by: 0, made: now, ...cost }, key)
    )
  )
  const opens = (text: string): Promise<boolean> =>
    opened.sealing.opens({ kind: 'passphrase', given: secretOf(text) }, 'mine')
  expect(await opens('another horse')).toBe(true)
  expect(await opens('correct horse')).toBe(false)
})

test('the key of a passphrase is what libsodium computes', async () => {
  await sodium.ready
  const cost = cheap()
  const key = await keyOfPassphrase(secretOf('correct horse'), cost)
  const same = sodium.crypto_pwhash(
    32,
    'correct horse',
    Buffer.from(cost.salt, 'base64'),
    cost.passes,
    cost.memoryKiB << 10,
    sodium.crypto_pwhash_ALG_ARGON2ID13
  )
  expect(Buffer.from(key.bytes()).equals(Buffer.from(same))).toBe(true)
})

test.each([
  [7, 'bad passphrase: it must have 8 to 1024 bytes, and has 7'],
  [1025, 'bad passphrase: it must have 8 to 1024 bytes, and has 1025']
])('a passphrase of %i bytes is refused', (length, message) => {
  expect(() => checkPassphrase(new Secret(new Uint8Array(length)))).toThrow(message)
})

describe('a recovery code', () => {
  const { code, printed } = newRecoveryCode()
  const text = Buffer.from(printed.bytes()).toString()
  const read = (typed: string): string =>
    Buffer.from(parseRecoveryCode(Buffer.from(typed)).bytes()).toString('hex')
  const wanted = Buffer.from(code.bytes()).toString('hex')

  test('is eight groups of five, and is read however it is typed', () => {
    expect(text).toMatch(/^([0-9a-hjkmnp-tv-z]{5}-){7}[0-9a-hjkmnp-tv-z]{5}$/)
    for (const typed of [
      text,
      text.toUpperCase(),
      text.replaceAll('-', ' '),
      ` ${text.replaceAll('-', '')}\n`
    ])
      expect(read(typed)).toBe(wanted)
    expect(read(text.replaceAll('0', 'O').replaceAll('1', 'l'))).toBe(wanted)
  })

  test('with any one character changed names the group', () => {
    for (let at = 0; at < text.length; at++) {
      if (text[at] === '-') continue
      const other = text[at] === '7' ? '8' : '7'
      expect(() => read(`${text.slice(0, at)}${other}${text.slice(at + 1)}`)).toThrow(
        `bad recovery code: group ${Math.floor(at / 6) + 1} has a mistake`
      )
    }
  })

  test.each([
    ['', 'it has 0 letters and digits, and not 40'],
    [text.slice(0, -1), 'it has 39 letters and digits, and not 40'],
    [`${text}0`, 'it is too long'],
    [text.replace(/^./, 'ü'), 'group 1 has a character that no code has'],
    [[...text.split('-').slice(1), text.split('-')[0]].join('-'), 'group 1 has a mistake']
  ])('that is %j is refused', (typed, reason) => {
    expect(() => read(typed)).toThrow(`bad recovery code: ${reason}`)
  })
})

test('after a wrong try the next waits, twice as long each time and a minute at most, and a right one ends that', async () => {
  let nowMs = 0
  const { run } = createAttempts(() => nowMs)
  const slots = [{ id: 'a' } as Slot]
  const wrong = (): Promise<null> => Promise.resolve(null)
  for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
    expect(await run(slots, wrong)).toBe(null)
    await expect(run(slots, () => Promise.resolve(1))).rejects.toMatchObject({
      code: 'too_many',
      message: `the last try was wrong: the next is taken in ${seconds} s`
    })
    // Other slots are not concerned.
    expect(await run([{ id: 'b' } as Slot], () => Promise.resolve(1))).toBe(1)
    nowMs += seconds * 1000
  }
  expect(await run(slots, () => Promise.resolve(1))).toBe(1)
  expect(await run(slots, wrong)).toBe(null)
  await expect(run(slots, wrong)).rejects.toThrow('the next is taken in 1 s')
})

describe('who unseals it while others do', () => {
  const byPassphrase = (sealing: Sealing): Promise<void> =>
    sealing.unseal({ kind: 'passphrase', given: secretOf('correct horse') }, 'mine')

  test('opens it once, and does not undo that it was sealed meanwhile', async () => {
    const { opened } = await vaultWithThree()
    let times = 0
    const sealing = createSealing(opened.keyslotParts, opened.storeId, () => Promise.resolve(times++))
    await Promise.all([byPassphrase(sealing), byPassphrase(sealing)])
    expect(times).toBe(1)
    sealing.wipe()
    await opened.store.commit([sealedBy(0, now)])
    const early = byPassphrase(sealing)
    sealing.wipe()
    await expect(early).rejects.toMatchObject({
      code: 'sealed',
      message: 'the vault is sealed: it was sealed meanwhile'
    })
    expect([sealing.isSealed(), times]).toEqual([true, 1])
    expect(await opened.store.get('sealed')).not.toBe(null)
    await byPassphrase(sealing)
    expect(await opened.store.get('sealed')).toBe(null)
  })

  test('opens it by the root key that is there when it opens', async () => {
    const { opened } = await vaultWithThree()
    let isAsked = false
    const store: Store = {
      ...opened.store,
      async get(key) {
        const record = await opened.store.get(key)
        if (key !== 'store' || isAsked) return record
        isAsked = true
        await opened.rotateRoot(root)
        return record
      }
    }
    const sealing = createSealing({ ...opened.keyslotParts, store }, opened.storeId)
    await byPassphrase(sealing)
    const [name, wanted] = [await sealing.keyring(), await opened.sealing.keyring()].map(keyring =>
      keyring.hideName('db')
    )
    expect(name).toBe(wanted)
  })
})

test('a keyslot that would give the next root key to somebody else opens nothing', async () => {
  const directory = temporaryDirectory()
  const { opened, printed } = await vaultWithThree(directory)
  const own = randomBytes(32).toString('base64')
  const putInto = (name: string): Promise<void> =>
    changeHeader(opened, header => ({
      ...header,
      slots: header.slots.map(slot => (slot.name === name ? { ...slot, public: own } : slot))
    }))
  await putInto('safe')
  const safe = (): Credential => ({ kind: 'recovery', given: secretOf(printed) })
  const refused = {
    code: 'damaged',
    message: 'keyslot "safe" is not what was written: its public key is another\'s',
    hint: 'open the vault by another keyslot, then: docker vault keyslot replace safe'
  }
  await expect(opened.keyslots.test(root, 'safe', safe())).rejects.toMatchObject(refused)
  await opened.keyslots.seal(root)
  await expect(opened.keyslots.unseal(root, safe(), null)).rejects.toMatchObject(refused)
  await opened.keyslots.unseal(root, { kind: 'passphrase', given: secretOf('correct horse') }, null)
  await putInto('key-file')
  await opened.close()
  expect((await open(directory)).sealing.reason()).toContain('keyslot "key-file" is not what was written')
})
