import { ensureDir } from 'fs-extra/esm'
import { dirname, join } from 'node:path'
import { projectRoot } from './bundle.ts'
import { compile, NoCompiler } from './compile.ts'

/** No C library, no build id, nothing that depends on where or when: the same sources give the same bytes. */
const flags = [
  ...['-std=gnu17', '-Os', '-static', '-nostdlib', '-ffreestanding', '-no-pie', '-fno-pie', '-s'],
  ...['-fno-stack-protector', '-fno-asynchronous-unwind-tables', '-fno-ident'],
  // Or else the compiler makes calls of a C library's functions out of loops.
  '-fno-tree-loop-distribute-patterns',
  ...['-Wl,--build-id=none', '-Wl,-z,noseparate-code', '-Wl,-z,norelro']
]

/** The machines that it is written for, as Node calls them: its start file, and Debian's compiler for the others. */
const machines = {
  x64: { start: 'launcher/start-amd64.S', compiler: 'x86_64-linux-gnu-gcc' },
  arm64: { start: 'launcher/start-arm64.S', compiler: 'aarch64-linux-gnu-gcc' }
} as const

export type Machine = keyof typeof machines

/** This machine. Throws for one that the launcher is not written for. */
export function thisMachine(): Machine {
  const machine = process.arch
  if (!Object.hasOwn(machines, machine)) throw new Error(`cannot build the launcher for ${machine}`)
  return machine as Machine
}

/** Compiles the launcher (launcher/README.md) for a machine into `outFile`. Throws what `compile` throws. */
export async function buildLauncher(outFile: string, machine: Machine = thisMachine()): Promise<void> {
  await ensureDir(dirname(outFile))
  const { start, compiler } = machines[machine]
  const sources = ['launcher/launcher.c', 'launcher/variables.c', start]
  await compile(sources, outFile, flags, machine === thisMachine() ? undefined : compiler)
}

/** Compiles it for the other machines, too, as far as there are compilers: `build/launcher-arm64`, for instance. */
export async function buildOtherLaunchers(): Promise<void> {
  for (const machine of Object.keys(machines) as Machine[]) {
    if (machine === thisMachine()) continue
    try {
      await buildLauncher(join(projectRoot, `build/launcher-${machine}`), machine)
    } catch (error) {
      if (!(error instanceof NoCompiler)) throw error
    }
  }
}

/** Where a daemon that is run from its sources finds it. */
export const launcherOfSources = join(projectRoot, 'build/launcher')
