import { copy } from 'fs-extra/esm'
import { join } from 'node:path'
import { projectRoot } from './bundle.ts'

const packages = join(projectRoot, 'node_modules')
const koffi = `@koromix/koffi-linux-${process.arch}`
const native = join(`linux_${process.arch}`, 'koffi.node')

/** The Node that package-lock.json pins, for this machine. */
export const node = join(packages, `node-linux-${process.arch}`, 'bin/node')

/** koffi's native file, for this machine. */
export const koffiNative = join(packages, koffi, native)

/** Copies what koffi's own loader looks for to where it looks: into a `node_modules` of the program's directory. */
export async function copyKoffi(program: string): Promise<void> {
  for (const file of ['package.json', 'index.js', native])
    await copy(join(packages, koffi, file), join(program, 'node_modules', koffi, file))
}
