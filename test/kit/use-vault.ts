import { beforeEach, onTestFinished } from 'vitest'
import { openVault, type OpenVault, type VaultSettings } from './open-vault.ts'
import { temporaryDirectory } from './temporary.ts'

/** Gives each test of a file a directory; what this returns opens the vault there, and again. It is closed when the test ends. */
export function useVault(): (settings?: VaultSettings) => Promise<OpenVault> {
  let directory: string
  beforeEach(() => {
    directory = temporaryDirectory()
  })
  return async settings => {
    const opened = await openVault(directory, settings)
    onTestFinished(() => opened.close().catch(() => undefined))
    return opened
  }
}
