import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { metadata } from '../src/cli/metadata.ts'
import { bundleCli, projectRoot } from './bundle.ts'

/** There is no C compiler of this name. */
export class NoCompiler extends Error {
  constructor(name: string) {
    super(`there is no C compiler "${name}"`)
  }
}

const packages = join(projectRoot, 'node_modules')
/** The Node that package-lock.json pins, for this machine. */
const node = join(packages, `node-linux-${process.arch}`, 'bin/node')
const koffi = `@koromix/koffi-linux-${process.arch}`
/** What koffi's own loader looks for beside the program. */
export const koffiFiles = ['package.json', 'index.js', join(`linux_${process.arch}`, 'koffi.node')]

/**
 * Builds the CLI into the directory `cli` beside `outFile`: the program `docker-vault`, what it starts (Node, a link
 * here; the bundle) and koffi's native file. `outFile` is a script that runs this program; a Node that is given it as
 * a script runs the bundle itself.
 */
export async function buildCli(outFile: string): Promise<void> {
  const directory = join(dirname(outFile), 'cli')
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  await bundleCli(join(directory, 'main.cjs'))
  await symlink(node, join(directory, 'node'))
  for (const file of koffiFiles) {
    const target = join(directory, 'node_modules', koffi, file)
    await mkdir(dirname(target), { recursive: true })
    await copyFile(join(packages, koffi, file), target)
  }
  await compile('src/cli/start.c', join(directory, 'docker-vault'))
  await writeFile(outFile, scriptFor(directory))
  await chmod(outFile, 0o755)
  // A file without an ending is what the nearest package.json says; elsewhere on a disk it is CommonJS anyway.
  await writeFile(join(dirname(outFile), 'package.json'), '{ "type": "commonjs" }\n')
}

async function compile(source: string, outFile: string): Promise<void> {
  const compiler = process.env['CC'] || 'cc'
  const define = `-DMETADATA=${JSON.stringify(JSON.stringify(metadata))}`
  const flags = ['-std=c17', '-Os', '-Wall', '-Wextra', '-Werror', define, '-o', outFile, source]
  try {
    await promisify(execFile)(compiler, flags, { cwd: projectRoot })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new NoCompiler(compiler)
  }
}

/** A script for sh and for Node: the second line is a comment to Node, and the last that sh reads. */
function scriptFor(directory: string): string {
  const program = `'${join(directory, 'docker-vault').replaceAll("'", String.raw`'\''`)}'`
  return `#!/bin/sh\n':' //; exec ${program} "$@"\nrequire('./cli/main.cjs')\n`
}
