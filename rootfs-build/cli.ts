import { emptyDir } from 'fs-extra/esm'
import { chmod, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { metadata } from '../src/cli/metadata.ts'
import { bundleCli } from './bundle.ts'
import { compile } from './compile.ts'
import { copyKoffi, node } from './packages.ts'

/**
 * Builds the CLI into the directory `cli` beside `outFile`: the program `docker-vault`, what it starts (Node, a link
 * here; the bundle) and koffi's native file. `outFile` is a script that runs this program; a Node that is given it as
 * a script runs the bundle itself.
 */
export async function buildCli(outFile: string): Promise<void> {
  const directory = join(dirname(outFile), 'cli')
  await emptyDir(directory)
  await bundleCli(join(directory, 'main.cjs'))
  await symlink(node, join(directory, 'node'))
  await copyKoffi(directory)
  const define = `-DMETADATA=${JSON.stringify(JSON.stringify(metadata))}`
  await compile(['src/cli/start.c'], join(directory, 'docker-vault'), ['-std=c17', '-Os', define])
  await writeFile(outFile, scriptFor(directory))
  await chmod(outFile, 0o755)
  // A file without an ending is what the nearest package.json says; elsewhere on a disk it is CommonJS anyway.
  await writeFile(join(dirname(outFile), 'package.json'), '{ "type": "commonjs" }\n')
}

/** A script for sh and for Node: the second line is a comment to Node, and the last that sh reads. */
function scriptFor(directory: string): string {
  const program = `'${join(directory, 'docker-vault').replaceAll("'", String.raw`'\''`)}'`
  return `#!/bin/sh\n':' //; exec ${program} "$@"\nrequire('./cli/main.cjs')\n`
}
