import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openVault, root } from '../kit/open-vault.ts'
import { comesTo } from '../kit/eventually.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

/** What the test takes beside systemd: a TPM in software, and the libraries by which systemd talks to it. */
function canUseTpm(): boolean {
  try {
    for (const program of ['swtpm', 'systemd-creds'])
      execFileSync(program, ['--version'], { stdio: 'ignore' })
    const libraries = execFileSync('ldconfig', ['-p']).toString()
    return ['libtss2-esys', 'libtss2-rc', 'libtss2-mu', 'libtss2-tcti-swtpm'].every(name =>
      libraries.includes(name)
    )
  } catch {
    return false
  }
}
const can = canUseTpm()
if (!can) console.log('skipped: no TPM in software here (swtpm, systemd-creds, libtss2-tcti-swtpm0)')

/** A TPM in software; how systemd calls it. */
async function softwareTpm(): Promise<string> {
  const state = temporaryDirectory()
  const socket = join(state, 'tpm')
  const type = (path: string): string => `type=unixio,path=${path}`
  const tpm = spawn('swtpm', [
    ...['socket', '--tpm2', '--tpmstate', `dir=${state}`, '--flags', 'startup-clear'],
    ...['--ctrl', type(`${socket}.ctrl`), '--server', type(socket)]
  ])
  const ended = once(tpm, 'close')
  onTestFinished(async () => {
    tpm.kill()
    await ended
  })
  await comesTo(() => existsSync(socket))
  return `swtpm:path=${socket}`
}

/** The command of the unit, as systemd runs it. */
function runUnit(variables: Readonly<Record<string, string>>): void {
  const unit = readFileSync(new URL('../../packaging/secretbox-key-tpm.service', import.meta.url), 'utf8')
  const [, line = ''] = /^ExecStart=(.*)$/m.exec(unit) ?? []
  const [program = '', ...args] = line
    .split(' ')
    .map(word => word.replace(/\$\{(\w+)\}/g, (_all, name: string) => variables[name] ?? ''))
  execFileSync(program, args)
}

test.skipIf(!can)('a vault whose key file is in the TPM opens when the unit has put it there', async () => {
  const directory = temporaryDirectory()
  const opened = await openVault(directory)
  await opened.vault.list(root)
  await opened.close()
  const device = `--tpm2-device=${await softwareTpm()}`
  const credential = join(directory, 'key.cred')
  const systemdCreds = (...args: string[]): Buffer =>
    execFileSync('systemd-creds', [...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  systemdCreds('encrypt', '--with-key=tpm2', device, '--name=secretbox-key', opened.keyFile, credential)
  const key = readFileSync(opened.keyFile)
  rmSync(opened.keyFile)
  expect(readFileSync(credential).includes(key.subarray(32, 64))).toBe(false)

  const again = await openVault(directory)
  onTestFinished(() => again.close().catch(() => undefined))
  expect(again.sealing.reason()).toBe(`the vault is sealed: there is no key file "${opened.keyFile}"`)
  const credentials = join(directory, 'credentials')
  mkdirSync(credentials)
  systemdCreds('decrypt', device, '--name=secretbox-key', credential, join(credentials, 'secretbox-key'))
  runUnit({ CREDENTIALS_DIRECTORY: credentials, RUNTIME_DIRECTORY: directory })
  expect(readFileSync(opened.keyFile).equals(key)).toBe(true)
  expect((await again.vault.list(root)).boxes).toEqual([])
  expect(again.sealing.isSealed()).toBe(false)
})
