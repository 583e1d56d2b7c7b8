import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { buildCli } from '../../rootfs-build/cli.ts'
import { buildLauncher } from '../../rootfs-build/launcher.ts'
import { buildSupervisor } from '../../rootfs-build/supervisor.ts'
import { temporaryDirectory } from '../kit/temporary.ts'

const products = {
  supervisor: (directory: string) => buildSupervisor(join(directory, 'supervisor')),
  launcher: (directory: string) => buildLauncher(join(directory, 'launcher')),
  cli: (directory: string) => buildCli(join(directory, 'docker-vault'))
}

afterEach(() => {
  vi.unstubAllEnvs()
})

test.each(Object.entries(products))(
  'the %s is compiled with what CC names, and its arguments',
  async (_, build) => {
    const directory = temporaryDirectory()
    const compiler = join(directory, 'compiler')
    writeFileSync(compiler, `#!/bin/sh\necho "$*" > '${directory}/arguments'\n`, { mode: 0o755 })
    vi.stubEnv('CC', `${compiler} -m64`)
    await build(directory)
    expect(readFileSync(join(directory, 'arguments'), 'utf8')).toMatch(/^-m64 .* -o .*\.[cS]\n$/)
  }
)

test.each(Object.entries(products))(
  'without the compiler that CC names, the build of the %s says its name',
  async (_, build) => {
    vi.stubEnv('CC', 'no-such-compiler')
    await expect(build(temporaryDirectory())).rejects.toThrow('there is no C compiler "no-such-compiler"')
  }
)
