import { ensureDir, remove } from 'fs-extra/esm'
import { copyFile, mkdtemp, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { sharedLibraries } from '../../../rootfs-build/libraries.ts'
import { runCommand, tryCommand } from './command.ts'
import type { Engine } from './engine.ts'

/** The image that the tests run: busybox with its commands in /bin, and the users root and app (1000:1000). */
export const testImage = 'secretbox-test'

/** Makes the test image out of the host's busybox, without a registry. */
export async function importTestImage(engine: Engine): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'secretbox-image-'))
  const tree = join(work, 'tree')
  try {
    const busybox = (await runCommand('sh', ['-c', 'command -v busybox'])).trim()
    for (const directory of ['bin', 'etc', 'tmp']) await ensureDir(join(tree, directory))
    await copyFile(busybox, join(tree, 'bin/busybox'))
    // Debian's package busybox, unlike busybox-static, needs libraries; ldd refuses a static program.
    const isDynamic = (await tryCommand('ldd', [busybox])).code === 0
    for (const library of isDynamic ? sharedLibraries([busybox]) : []) {
      await ensureDir(join(tree, dirname(library)))
      await copyFile(library, join(tree, library))
    }
    for (const applet of (await runCommand(busybox, ['--list'])).trim().split('\n')) {
      if (applet !== 'busybox') await symlink('busybox', join(tree, 'bin', applet))
    }
    await writeFile(join(tree, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\n')
    await writeFile(join(tree, 'etc/group'), 'root:x:0:\napp:x:1000:\n')
    await runCommand('tar', ['-c', '-f', join(work, 'image.tar'), '-C', tree, '.'])
    await engine.docker(['import', '--change', 'CMD ["sh"]', join(work, 'image.tar'), testImage])
  } finally {
    await remove(work)
  }
}
